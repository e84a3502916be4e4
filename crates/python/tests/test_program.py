"""The program `overparam` of the same wheel: its kernels are those of Python, bit for bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import overparam as op

VECTORS = np.random.default_rng(0).standard_normal((230, 7))
IMAGES = np.random.default_rng(1).standard_normal((5, 6, 6, 2))
DENSE = op.serial(op.Dense(16, w_std=1.5, b_std=0.1), op.Gelu(), op.Dense(16), op.Relu(), op.Dense(1))
CONVOLUTIONS = op.serial(op.Conv(8, (3, 3), padding="same"), op.Erf(), op.GlobalAvgPool(), op.Dense(1))


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "overparam", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("net", "x"), [(DENSE, VECTORS), (CONVOLUTIONS, IMAGES)], ids=["vectors", "images"])
@pytest.mark.parametrize("other", [False, True], ids=["own", "cross"])
def test_kernels_are_those_of_the_program(
    tmp_path: Path, net: op.Architecture, x: npt.NDArray[np.float64], dtype: type, other: bool
) -> None:
    first, second = x.astype(dtype), x[:3].astype(dtype) * 0.5
    np.save(tmp_path / "x1.npy", first)
    np.save(tmp_path / "x2.npy", second)
    (tmp_path / "net.json").write_text(net.to_json(), encoding="utf-8")
    words = ["kernel", "--arch", "net.json", "--x1", "x1.npy", "--out", "k.npz"]
    words += ["--precision", "f32"] if dtype is np.float32 else []
    done = run(*words, *(["--x2", "x2.npy"] if other else []), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    theirs = np.load(tmp_path / "k.npz")
    ours = net.kernel(first, second if other else None, kind=("nngp", "ntk"))
    for name, kernel in (("nngp", ours.nngp), ("ntk", ours.ntk)):
        assert kernel.dtype == theirs[name].dtype == dtype
        assert np.array_equal(kernel, theirs[name]), name


def test_the_program_says_what_is_wrong(tmp_path: Path) -> None:
    done = run("kernel", "--arch", "no.json", "--x1", "x.npy", "--out", "k.npz", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "no.json" in done.stderr


def test_the_program_has_a_name() -> None:
    done = run("--version", folder=Path.cwd())
    assert done.stdout.split()[0] == "overparam" and done.stdout.split()[1] == op.__version__
