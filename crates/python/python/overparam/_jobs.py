"""Kernels larger than memory: computed tile by tile into a folder, and read from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._architecture import Architecture, from_json
from ._arrays import inputs

__all__ = ["StoredArray", "StoredKernel", "kernel_job", "open_kernel"]

Kind = Literal["nngp", "ntk", "both"]


class StoredArray:
    """A kernel in a store, as an array that is read where it is indexed. Tiles that are not computed yet read as NaN.

    >>> import numpy as np, overparam as op, tempfile
    >>> net, x = op.serial(op.Dense(64), op.Relu(), op.Dense(1)), np.eye(5)
    >>> ntk = op.kernel_job(net, x, out=f"{tempfile.mkdtemp()}/K.zarr", tile=2).ntk
    >>> ntk.shape, ntk.dtype, ntk[1:3].shape, ntk[4, [0, 2]].shape
    ((5, 5), dtype('float64'), (2, 5), (2,))
    >>> bool((np.asarray(ntk) == net.kernel(x)).all())
    True
    """

    def __init__(self, folder: Path) -> None:
        description = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        rows, columns = description["shape"]
        height, width = description["chunk_grid"]["configuration"]["chunk_shape"]
        self._folder = folder
        self._chunk = (int(height), int(width))
        #: Rows and columns.
        self.shape: tuple[int, int] = (int(rows), int(columns))
        #: ``float32`` or ``float64``.
        self.dtype: np.dtype[Any] = np.dtype(description["data_type"])

    ndim = 2

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"<{self._folder.name} of {self._folder.parent}: {rows} x {columns}, {self.dtype.name}>"

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in [k for k in keys if not isinstance(k, (np.ndarray, list))]:
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys = keys[:at] + (slice(None),) * (3 - len(keys)) + keys[at + 1 :]
        if len(keys) > 2:
            raise IndexError(f"a kernel has two axes, and got {len(keys)} indices")
        keys = keys + (slice(None),) * (2 - len(keys))
        # Indices of each axis; of a single number an array without axes.
        picked = [np.arange(length)[k] for length, k in zip(self.shape, keys)]
        if any(indices.ndim > 1 for indices in picked):
            raise IndexError("each axis takes a number, a slice, or a one-dimensional array of numbers")
        rows, columns = (np.atleast_1d(indices) for indices in picked)
        found: NDArray[Any] = np.full((len(rows), len(columns)), np.nan, dtype=self.dtype)
        height, width = self._chunk
        for i in np.unique(rows // height):
            mine = np.flatnonzero(rows // height == i)
            for j in np.unique(columns // width):
                chunk = self._tile(int(i), int(j))
                if chunk is not None:
                    yours = np.flatnonzero(columns // width == j)
                    part = chunk[np.ix_(rows[mine] - i * height, columns[yours] - j * width)]
                    found[np.ix_(mine, yours)] = part
        return found.reshape(picked[0].shape + picked[1].shape)[()]

    def _tile(self, i: int, j: int) -> Optional[NDArray[Any]]:
        path = self._folder / "c" / str(i) / str(j)
        # A tile is renamed into its place whole, so that what is there can be read.
        return np.memmap(path, dtype=self.dtype.newbyteorder("<"), mode="r", shape=self._chunk) if path.exists() else None

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a stored kernel is read from files, which is a copy")
        whole: NDArray[Any] = self[:, :]
        return whole if dtype is None else whole.astype(dtype, copy=False)


class StoredKernel:
    """A folder that :func:`kernel_job` or ``overparam kernel --out K.zarr`` fills, whether it is complete or not.

    ``zarr.open_group`` of the package ``zarr`` reads the same folder.

    >>> import numpy as np, overparam as op, tempfile
    >>> net = op.serial(op.Dense(64), op.Relu(), op.Dense(1))
    >>> stored = op.kernel_job(net, np.eye(5), out=f"{tempfile.mkdtemp()}/K.zarr")
    >>> stored.kinds, stored.missing, stored.net == net
    (('nngp', 'ntk'), 0, True)
    """

    def __init__(self, path: Union[str, Path]) -> None:
        #: The folder.
        self.path = Path(path)
        try:
            group = json.loads((self.path / "zarr.json").read_text(encoding="utf-8"))
            self._facts: dict[str, Any] = group["attributes"]["overparam"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.path}: expected a folder that `overparam kernel --out K.zarr` has made, and found none: {error}"
            ) from None
        #: ``"nngp"``, ``"ntk"``, or both.
        self.kinds: tuple[str, ...] = tuple(kind for kind in ("nngp", "ntk") if (self.path / kind).is_dir())

    def __repr__(self) -> str:
        return f"<stored kernel {self.path}: {' and '.join(self.kinds)}, {self.missing} tiles missing>"

    def __getitem__(self, kind: str) -> StoredArray:
        if kind not in self.kinds:
            raise KeyError(f"{self.path} has {' and '.join(self.kinds)}, and no {kind}")
        return StoredArray(self.path / kind)

    @property
    def nngp(self) -> StoredArray:
        """The covariance of the outputs at initialisation."""
        return self["nngp"]

    @property
    def ntk(self) -> StoredArray:
        """The neural tangent kernel."""
        return self["ntk"]

    @property
    def net(self) -> Architecture:
        """The network that it is the kernel of."""
        return from_json(json.dumps(self._facts["architecture"]))

    @property
    def missing(self) -> int:
        """Tiles that are to be computed yet."""
        answer = _program("kernel", "status", str(self.path), "--json", good=(0, 1))
        counts = json.loads(answer.splitlines()[-1])
        return int(counts["tiles"]) - int(counts["finished"])

    def verify(self, sample: int = 2) -> dict[str, Any]:
        """Compares every tile with its checksum and computes a sample of them again.

        Returns ``tiles``, ``finished``, ``damaged``, ``compared`` and ``wrong``, as ``overparam kernel verify --json`` prints them.
        """
        answer = _program("kernel", "verify", str(self.path), "--sample", str(sample), "--json", good=(0, 1))
        document: dict[str, Any] = json.loads(answer.splitlines()[-1])
        return document


def open_kernel(path: Union[str, Path]) -> StoredKernel:
    """The kernel in a folder, also while others fill it.

    >>> import numpy as np, overparam as op, tempfile
    >>> folder = f"{tempfile.mkdtemp()}/K.zarr"
    >>> _ = op.kernel_job(op.serial(op.Dense(1)), np.eye(3), out=folder)
    >>> np.asarray(op.open_kernel(folder).nngp).shape
    (3, 3)
    """
    return StoredKernel(path)


def kernel_job(
    net: Architecture,
    x1: Union[ArrayLike, str, Path],
    x2: Union[ArrayLike, str, Path, None] = None,
    *,
    out: Union[str, Path],
    kind: Kind = "both",
    memory: Optional[str] = None,
    tile: Optional[int] = None,
    threads: Optional[int] = None,
    shard: Optional[str] = None,
    progress: bool = False,
) -> StoredKernel:
    """Computes a kernel tile by tile into the folder ``out``, whose name ends in ``.zarr``. After any interruption the same call goes on.

    Args:
        net: The network.
        x1: Inputs: an array, or the name of an ``.npy``, ``.npz`` or ``.csv`` file. Arrays are written to ``out`` + ``.inputs``, where
            :meth:`StoredKernel.verify` finds them; single precision makes a kernel in single precision.
        x2: Other inputs; without them, the first with themselves.
        out: The folder.
        kind: Which kernels; ``"both"`` computes them in one pass.
        memory: Most memory to take, for example ``"8G"``.
        tile: Rows and columns of a tile.
        threads: One per core by default; the bits do not depend on it.
        shard: ``"K/N"``: only the K-th of N parts, while other processes or machines compute the others.
        progress: Whether the program shows how far it is, on standard error.

    Raises:
        ValueError: If the folder is of another kernel, the disk is too small, or the inputs are not what the network takes.

    >>> import numpy as np, overparam as op, tempfile
    >>> net, x = op.serial(op.Dense(64), op.Erf(), op.Dense(1)), np.linspace(0, 1, 12).reshape(6, 2)
    >>> folder = f"{tempfile.mkdtemp()}/K.zarr"
    >>> stored = op.kernel_job(net, x, out=folder, tile=4, shard="1/2")
    >>> stored.missing > 0
    True
    >>> stored = op.kernel_job(net, x, out=folder)
    >>> bool((stored.ntk[:] == net.kernel(x)).all())
    True
    """
    folder = Path(out)
    if folder.suffix != ".zarr":
        raise ValueError(f"out: expected the name of a folder that ends in .zarr, got {str(out)!r}")
    beside = folder.with_name(folder.name + ".inputs")
    words = ["kernel", "--out", str(folder), "--kind", kind]
    named = {name: given for name, given in (("x1", x1), ("x2", x2)) if given is not None}
    files: dict[str, Path] = {}
    given_arrays: dict[str, ArrayLike] = {}
    for name, given in named.items():
        if isinstance(given, (str, Path)):
            files[name] = Path(given)
        else:
            given_arrays[name] = given
    arrays = dict(zip(given_arrays, inputs(list(given_arrays), *given_arrays.values()))) if given_arrays else {}
    single = all(array is not None and array.dtype == np.float32 for array in arrays.values())
    single = single and all(_is_single(path) for path in files.values())
    for name, array in arrays.items():
        files[name] = beside / f"{name}.npy"
        _keep(files[name], array)
    for name in named:
        words += [f"--{name}", str(files[name])]
    beside.mkdir(parents=True, exist_ok=True)
    description = beside / "net.json"
    text = net.to_json()
    if not description.exists() or description.read_text(encoding="utf-8") != text:
        # What the folder is of, it knows itself: it refuses another network.
        description.write_text(text, encoding="utf-8")
    words += ["--arch", str(description), "--precision", "f32" if single else "f64"]
    for option, value in (("memory", memory), ("tile", tile), ("threads", threads), ("shard", shard)):
        if value is not None:
            words += [f"--{option}", str(value)]
    _program(*words, show=progress)
    return StoredKernel(folder)


def _is_single(path: Path) -> bool:
    """Whether a file has numbers in single precision, as far as its name lets one know."""
    return path.suffix == ".npy" and path.exists() and np.load(path, mmap_mode="r").dtype == np.float32


def _keep(path: Path, array: Optional[NDArray[Any]]) -> None:
    """Writes an array to a file of its own; what is there already is never replaced by something else."""
    if path.exists():
        there = np.load(path, mmap_mode="r")
        if array is not None and there.dtype == array.dtype and np.array_equal(there, array):
            return
        raise ValueError(f"{path} has other inputs, of an earlier kernel in {path.parent.name}: give another `out`, or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npy")
    np.save(partial, np.asarray(array))
    partial.replace(path)


def _program(*words: str, good: tuple[int, ...] = (0,), show: bool = False) -> str:
    """Standard output of the program of this package; its error as a ``ValueError``."""
    errors = None if show else subprocess.PIPE
    command = [sys.executable, "-m", "overparam", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", check=False)
    if done.returncode in good:
        return done.stdout
    if done.returncode == 130:
        raise KeyboardInterrupt
    said = (done.stderr or "").strip().splitlines()
    reason = next((line for line in reversed(said) if line.startswith("error: ")), f"status {done.returncode}")
    raise ValueError(reason.removeprefix("error: "))
