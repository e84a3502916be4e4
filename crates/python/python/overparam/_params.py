"""Parameters of a finite network: a dictionary of named arrays."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from . import _core
from ._arrays import Array, number_array


class Params(dict[str, Any]):
    """Named arrays, such as ``layers[0].weight``: a dictionary that prints their shapes.

    Weights of a dense layer are ``inputs x width``, of a convolution ``height x width x channels in x channels out``. Any mapping with
    the same names and shapes does as well.

    >>> import overparam as op
    >>> net = op.serial(op.Dense(8, b_std=0.1), op.Relu(), op.Dense(1))
    >>> params = net.init(0, 3)
    >>> params
    Params: 40 numbers of float64
      layers[0].weight  3 x 8
      layers[0].bias    8
      layers[2].weight  8 x 1
    >>> params["layers[0].weight"].shape
    (3, 8)
    """

    def __repr__(self) -> str:
        count = sum(leaf.size for leaf in self.values())
        kinds = ", ".join(sorted({str(leaf.dtype) for leaf in self.values()}))
        lines = [f"Params: {count} numbers" + (f" of {kinds}" if kinds else "")]
        width = max(map(len, self), default=0)
        for name, leaf in self.items():
            lines.append(f"  {name:{width}}  {' x '.join(map(str, leaf.shape))}")
        return "\n".join(lines)

    def copy(self) -> Params:
        """The same names with the same arrays."""
        return Params(self)


def leaves(which: str, params: Mapping[str, Any], json: str, shape: list[int]) -> list[Array]:
    """The arrays in the network's own order, of the names and shapes that it has."""
    if not isinstance(params, Mapping):
        raise TypeError(f"{which}: expected a mapping from names to arrays, such as net.init(0, shape) gives")
    expected = _core.parameter_shapes(json, shape)
    names = [name for name, _ in expected]
    missing = [name for name in names if name not in params]
    unknown = [name for name in params if name not in set(names)]
    if missing or unknown:
        found = "; ".join(
            text
            for text, some in [
                (f"missing {', '.join(missing)}", missing),
                (f"unknown {', '.join(map(str, unknown))}", unknown),
            ]
            if some
        )
        raise ValueError(f"{which}: expected {', '.join(names) or 'no parameters'} for inputs of shape {tuple(shape)}; {found}")
    found_leaves = []
    for name, axes in expected:
        leaf = number_array(f"{which}[{name!r}]", params[name])
        if list(leaf.shape) != axes:
            raise ValueError(f"{which}[{name!r}]: expected shape {tuple(axes)}, got {leaf.shape}")
        found_leaves.append(leaf)
    return found_leaves


def one_precision(*arrays: Array) -> list[Array]:
    """The same arrays in the widest precision of any."""
    kind = np.result_type(*arrays)
    return [array.astype(kind, copy=False) for array in arrays]
