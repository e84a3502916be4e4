"""Kernels larger than memory: jobs, stores, and what is read from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import overparam as op

NET = op.serial(op.Dense(64, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", [False, True])
def test_a_job_computes_the_bits_of_the_kernel_in_memory(tmp_path: Path, dtype: type, other: bool) -> None:
    x, z = vectors(23).astype(dtype), vectors(9, 1).astype(dtype) if other else None
    stored = op.kernel_job(NET, x, z, out=tmp_path / "K.zarr", tile=7)
    both = NET.kernel(x, z, kind=("nngp", "ntk"))
    for kind, expected in (("nngp", both.nngp), ("ntk", both.ntk)):
        found = np.asarray(stored[kind])
        assert found.dtype == dtype and stored[kind].shape == expected.shape
        assert (found == expected).all()
    assert stored.missing == 0 and stored.net == NET


def test_indexing_is_that_of_an_array(tmp_path: Path) -> None:
    stored = op.kernel_job(NET, vectors(23), vectors(17, 1), out=tmp_path / "K.zarr", kind="ntk", tile=5)
    whole, ntk = np.asarray(stored.ntk), stored.ntk
    mask = np.arange(23) % 3 == 1
    for key in (
        (3, 4),
        (-1, -2),
        slice(None),
        (slice(2, 20, 3), slice(None, None, -1)),
        (..., 4),
        (7, ...),
        ([0, 22, 5], slice(3, 9)),
        (mask, 1),
        (slice(5, 5), slice(None)),
        12,
    ):
        np.testing.assert_array_equal(ntk[key], whole[key])
        assert np.shape(ntk[key]) == np.shape(whole[key])
    # A list for each axis takes rows and columns, as in a block.
    np.testing.assert_array_equal(ntk[[1, 4], [0, 9, 3]], whole[np.ix_([1, 4], [0, 9, 3])])
    assert len(ntk) == 23 and ntk.ndim == 2
    with pytest.raises(IndexError, match="two axes"):
        ntk[1, 2, 3]
    with pytest.raises(IndexError):
        ntk[23]
    with pytest.raises(IndexError, match="one-dimensional"):
        ntk[np.zeros((2, 2), dtype=int)]


def test_shards_fill_one_folder_and_what_is_missing_reads_as_nan(tmp_path: Path) -> None:
    x, folder = vectors(23), tmp_path / "K.zarr"
    stored = op.kernel_job(NET, x, out=folder, tile=5, shard="1/3")
    assert 0 < stored.missing < 15
    assert np.isnan(np.asarray(stored.ntk)).any() and not np.isnan(np.asarray(stored.ntk)).all()
    for k in (3, 2):
        op.kernel_job(NET, x, out=folder, shard=f"{k}/3")
    assert op.open_kernel(folder).missing == 0
    np.testing.assert_array_equal(op.open_kernel(folder).ntk[:], NET.kernel(x))


def test_files_are_inputs_too(tmp_path: Path) -> None:
    x = vectors(11).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    stored = op.kernel_job(NET, tmp_path / "x.npy", out=tmp_path / "K.zarr", kind="ntk")
    assert stored.ntk.dtype == np.float32
    np.testing.assert_array_equal(stored.ntk[:], NET.kernel(x))
    assert not (tmp_path / "K.zarr.inputs" / "x1.npy").exists()


def test_another_kernel_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder, x = tmp_path / "K.zarr", vectors(11)
    op.kernel_job(NET, x, out=folder)
    with pytest.raises(ValueError, match="other inputs"):
        op.kernel_job(NET, vectors(11, 5), out=folder)
    np.testing.assert_array_equal(np.load(tmp_path / "K.zarr.inputs" / "x1.npy"), x)
    with pytest.raises(ValueError, match="K.zarr"):
        op.kernel_job(op.serial(op.Dense(64), op.Erf(), op.Dense(1)), x, out=folder)
    np.testing.assert_array_equal(op.open_kernel(folder).ntk[:], NET.kernel(x))


def test_errors_are_those_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zarr"):
        op.kernel_job(NET, vectors(3), out=tmp_path / "K.hdf")
    with pytest.raises(ValueError, match="--memory"):
        op.kernel_job(NET, vectors(3), out=tmp_path / "K.zarr", memory="many")
    with pytest.raises(ValueError, match="expected a folder"):
        op.open_kernel(tmp_path)
    with pytest.raises(KeyError, match="no nngp"):
        op.kernel_job(NET, vectors(3), out=tmp_path / "N.zarr", kind="ntk").nngp
    with pytest.raises(ValueError, match="copy"):
        np.asarray(op.open_kernel(tmp_path / "N.zarr").ntk, copy=False)


def test_verify_finds_an_altered_tile_and_the_job_mends_it(tmp_path: Path) -> None:
    folder, x = tmp_path / "K.zarr", vectors(23)
    stored = op.kernel_job(NET, x, out=folder, tile=5)
    assert not stored.verify()["damaged"] and all(c["same_bits"] for c in stored.verify()["compared"])
    tile = folder / "ntk" / "c" / "2" / "1"
    altered = bytearray(tile.read_bytes())
    altered[7] ^= 1
    tile.write_bytes(bytes(altered))
    assert len(stored.verify(sample=0)["damaged"]) == 1
    op.kernel_job(NET, x, out=folder)
    assert not stored.verify()["damaged"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_an_interrupt_keeps_what_is_finished(tmp_path: Path) -> None:
    script = f"""
import numpy as np, overparam as op
net = op.serial(*[layer for _ in range(6) for layer in (op.Conv(1, (3, 3), padding="same"), op.Relu())], op.GlobalAvgPool(), op.Dense(1))
x = np.random.default_rng(0).normal(size=(60, 16, 16, 3))
op.kernel_job(net, x, out={str(tmp_path / "K.zarr")!r}, tile=2)
"""
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    chunks = tmp_path / "K.zarr" / "ntk" / "c"
    for _ in range(600):
        if chunks.exists() and any(chunks.iterdir()):
            break
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(timeout=60) != 0
    assert 0 < op.open_kernel(tmp_path / "K.zarr").missing < 465


def test_zarr_reads_the_same(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    stored = op.kernel_job(NET, vectors(23), out=tmp_path / "K.zarr", tile=5)
    np.testing.assert_array_equal(zarr.open_group(str(tmp_path / "K.zarr"), mode="r")["ntk"][:], stored.ntk[:])
