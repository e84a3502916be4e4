"""Targets, and the kernels that belong to them, in the layouts of neural-tangents."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._arrays import Array, matrix, number_array
from .predict import Dynamics


class Targets:
    """Targets ``n x c`` with kernels ``n x n`` (``trace_axes=(-1,)``) or ``n x n x c x c`` (``trace_axes=()``).

    >>> import numpy as np
    >>> from overparam._nt_targets import Targets
    >>> Targets(np.zeros((3, 2)), ()).kernel("k", np.zeros((3, 3, 2, 2))).shape
    (6, 6)
    """

    def __init__(self, y: npt.ArrayLike, trace_axes: Union[int, Sequence[int]]) -> None:
        self.whole = number_array("y_train", y, np.float64)
        if self.whole.ndim != 2:
            raise ValueError(f"y_train: expected n x c, got shape {self.whole.shape}; n numbers are y[:, None].")
        axes = (trace_axes,) if isinstance(trace_axes, int) else tuple(trace_axes)
        if axes not in ((), (-1,), (1,)):
            raise NotImplementedError(f"trace_axes = {trace_axes!r}: only (-1,) and () are supported.")
        self._traced = bool(axes)
        #: As :class:`Dynamics` takes them.
        self.y = matrix("y_train", self.whole if self._traced else self.whole.reshape(-1, 1))

    def only_traced(self, where: str) -> None:
        """Refuses ``trace_axes=()``."""
        if not self._traced:
            raise NotImplementedError(f"{where}: trace_axes = (): only (-1,), the default, is supported.")

    def kernel(self, name: str, kernel: Any) -> Array:
        """A kernel of all pairs as a matrix."""
        array = number_array(name, kernel, np.float64)
        if self._traced:
            return matrix(name, array)
        if array.ndim != 4:
            raise ValueError(f"{name}: expected n x n x c x c with trace_axes=(), got shape {array.shape}.")
        n, m, c, d = array.shape
        return matrix(name, array.transpose(0, 2, 1, 3).reshape(n * c, m * d))

    def out(self, outputs: Array) -> Array:
        """Outputs as ``n x c``."""
        return outputs if self._traced else outputs.reshape(-1, self.whole.shape[1])

    def _start(self, name: str, value: npt.ArrayLike, rows: int) -> Array:
        shape = (rows // (1 if self._traced else self.whole.shape[1]), self.whole.shape[1])
        try:
            start = np.broadcast_to(number_array(name, value, np.float64), shape)
        except ValueError:
            raise ValueError(f"{name}: expected one number or shape {shape}, got {np.shape(value)}.") from None
        return start.reshape(rows, -1)

    def run(
        self,
        dynamics: Dynamics,
        fx_train_0: Optional[npt.ArrayLike],
        fx_test_0: Optional[npt.ArrayLike],
        k_test_train: Optional[npt.ArrayLike],
        when: Any,
    ) -> list[Array]:
        """Outputs on the training inputs, the test inputs, or both."""
        if fx_test_0 is not None and k_test_train is None:
            raise ValueError("fx_test_0 is given and k_test_train is not: test outputs need the kernel between test and training inputs.")
        if fx_test_0 is None and fx_train_0 is None:
            raise ValueError("fx_train_0 and fx_test_0 are both None: expected the outputs before training on at least one set.")
        start = None if fx_train_0 is None else self._start("fx_train_0", fx_train_0, len(self.y))
        found = []
        if start is not None:
            found.append(self.out(dynamics.train(start=start, **when)))
        if fx_test_0 is not None:
            cross = self.kernel("k_test_train", k_test_train)
            before = self._start("fx_test_0", fx_test_0, len(cross))
            found.append(self.out(dynamics.test(cross, start=start, test_start=before, **when)))
        return found
