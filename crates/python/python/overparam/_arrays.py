"""What the Rust half is given: aligned arrays of ``float32`` or ``float64`` in native byte order, of any strides."""

from __future__ import annotations

import operator
import os
from typing import Any, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = Union[int, Sequence[int]]

_AXES = "n x d (vectors), n x length x channels (sequences) or n x height x width x channels (images)"


def number_array(name: str, value: npt.ArrayLike, dtype: Optional[npt.DTypeLike] = None) -> Array:
    """An array of single or double precision: integers become doubles, half precision is refused.

    >>> from overparam._arrays import number_array
    >>> number_array("x", [[1, 2]]).dtype
    dtype('float64')
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name}: some entries are masked; fill them first, for example with x.filled(0.0)")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of numbers: {error}") from None
    kind = array.dtype
    if kind.kind in "biu":
        kind = np.dtype(np.float64)
    elif kind not in (np.dtype(np.float32), np.dtype(np.float64)) and kind.newbyteorder("=") not in (
        np.dtype(np.float32),
        np.dtype(np.float64),
    ):
        hint = {
            "f": "convert to float32 or float64 first, for example with x.astype(numpy.float64)",
            "c": "complex numbers have no meaning here",
        }.get(kind.kind, "expected numbers")
        raise TypeError(f"{name}: dtype {kind}: expected float32, float64 or integers; {hint}")
    if dtype is not None:
        kind = np.dtype(dtype)
    array = np.asarray(array, dtype=kind.newbyteorder("="))
    return array if array.flags.aligned else array.copy()


def inputs(names: Sequence[str], *values: Optional[npt.ArrayLike]) -> list[Optional[Array]]:
    """Batches of inputs in one precision, the widest of those given."""
    arrays = [None if value is None else number_array(name, value) for name, value in zip(names, values)]
    given = [array for array in arrays if array is not None]
    kind = np.result_type(*given)
    for name, array in zip(names, arrays):
        if array is None:
            continue
        if array.ndim not in (2, 3, 4):
            hint = f"; one vector is x[None, :], {array.size} numbers x[:, None]" if array.ndim == 1 else ""
            raise ValueError(f"{name}: expected {_AXES}, got shape {array.shape}{hint}")
        if array.shape[0] == 0:
            raise ValueError(f"{name}: the batch is empty: its shape is {array.shape}")
        if 0 in array.shape:
            raise ValueError(f"{name}: the inputs have no entries: the shape is {array.shape}")
    for name, array in zip(names[1:], arrays[1:]):
        if array is not None and array.shape[1:] != given[0].shape[1:]:
            raise ValueError(
                f"{name}: expected inputs of shape {given[0].shape[1:]} as in {names[0]}, got {array.shape[1:]}"
            )
    return [None if array is None else array.astype(kind, copy=False) for array in arrays]


def fits(rows: int, columns: int, kernels: int, size: int) -> None:
    """Refuses results larger than the memory of this machine, which the system would promise and not keep."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    needed = rows * columns * kernels * size
    if needed > memory:
        raise MemoryError(
            f"a kernel of {rows} x {columns} takes {needed / 1e9:.0f} GB, and this machine has {memory / 1e9:.0f}: pass fewer inputs"
        )


def matrix(name: str, value: npt.ArrayLike, rows: Optional[int] = None) -> Array:
    """A finite matrix of doubles."""
    array = number_array(name, value, np.float64)
    if array.ndim != 2 or (rows is not None and array.shape[0] != rows):
        expected = "a matrix" if rows is None else f"a matrix of {rows} rows"
        raise ValueError(f"{name}: expected {expected}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: there is an entry that is not finite")
    return array


def columns(name: str, value: npt.ArrayLike) -> tuple[Array, bool]:
    """Targets or outputs ``n x c``, and whether they were given as ``n`` numbers."""
    array = number_array(name, value, np.float64)
    flat = array.ndim == 1
    return matrix(name, array[:, None] if flat else array), flat


def shape_of_one(shape: Shape) -> list[int]:
    """The shape of one input."""
    axes = [shape] if isinstance(shape, (int, np.integer)) else list(shape)
    words = "d, (length, channels) or (height, width, channels), without the number of inputs"
    for axis in axes:
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis < 1:
            raise ValueError(f"shape = {shape!r}: expected the shape of one input: {words}")
    if not 1 <= len(axes) <= 3:
        raise ValueError(f"shape = {shape!r}: expected the shape of one input: {words}")
    return [int(axis) for axis in axes]


def numbers(name: str, given: npt.ArrayLike) -> Array:
    """Numbers of double precision, of any shape; infinity is one."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {given!r}: expected numbers") from None


def ascending(name: str, given: npt.ArrayLike) -> tuple[list[float], bool]:
    """Times that ascend, and whether they were given as a sequence rather than as one number."""
    times = numbers(name, given)
    found: list[float] = times.ravel().tolist()
    if times.ndim > 1 or not found or not np.isfinite(times).all() or found[0] < 0.0 or sorted(found) != found:
        raise ValueError(f"{name} = {given!r}: expected a finite time >= 0, or such times in ascending order")
    return found, times.ndim == 1


def whole(name: str, given: Any, least: int = 0, most: int = 2**31) -> int:
    """An integer from ``least`` to ``most``."""
    try:
        count = operator.index(given)
    except TypeError:
        raise TypeError(f"{name} = {given!r}: expected an integer") from None
    if not least <= count <= most:
        raise ValueError(f"{name} = {given!r}: expected an integer from {least} to {most}")
    return count
