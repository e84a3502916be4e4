"""Deep linear networks, ``f(x) = W_N ... W_1 x``: what descent prefers when many products fit the data.

A product of matrices expresses no more than one matrix, and yet descent on the factors completes a matrix with low rank, where
penalising the nuclear norm does not (Arora, Cohen, Hu and Luo 2019).

>>> import numpy as np, overparam as op
>>> truth = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
>>> seen = np.where(np.eye(3, k=1) + np.eye(3, k=-1) + np.diag([1, 1, 0]) > 0, truth, np.nan)
>>> fit = op.deep_linear.complete(seen, depth=3)
>>> bool(abs(fit.end[2, 2] - 9.0) < 0.5 and np.abs(fit.end - truth).max() < 0.5)
True
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, Optional, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Array, matrix, numbers, whole

__all__ = [
    "BalancedFlow",
    "Completion",
    "Mode",
    "NuclearNorm",
    "Trained",
    "balanced_flow",
    "complete",
    "completion_flow",
    "deep_mode",
    "effective_rank",
    "nuclear_norm_completion",
    "regress",
    "two_layer_mode",
]

Init = Literal["gaussian", "identity", "orthogonal"]
Rule = Literal["descent", "adam", "rms"]


class Mode(NamedTuple):
    """A mode of two layers at some times."""

    #: ``s(t)``.
    strength: Array
    #: The tangent kernel of the mode, ``sqrt(imbalance^2 + 4 s^2)``.
    kernel: Array


def two_layer_mode(t: npt.ArrayLike, *, start: float, sigma: float, imbalance: float = 0.0) -> Mode:
    """The strength of one mode of a two-layer linear network, from lazy to rich.

    ``ds/dt = sqrt(lambda^2 + 4 s^2) (sigma - s)``: with ``imbalance = 0`` a sigmoid (Saxe, McClelland and Ganguli 2014), with a large
    one an exponential (Kunin et al. 2024).

    Parameters
    ----------
    t
        Times, at least zero.
    start, sigma
        Strength at the start, and the singular value that is learned.
    imbalance
        ``b^2 - a^2`` of the two layers' norms, of either sign.

    >>> import numpy as np, overparam as op
    >>> mode = op.deep_linear.two_layer_mode([0.0, np.log(99) / 2], start=0.01, sigma=1.0)
    >>> mode.strength.round(6)
    array([0.01, 0.5 ])
    """
    times = numbers("t", t)
    found = _core.two_layer_mode(times.ravel().tolist(), float(start), float(sigma), float(imbalance))
    return Mode(*(np.reshape(values, times.shape) for values in found))


def deep_mode(t: npt.ArrayLike, *, depth: int, start: float, sigma: float) -> Array:
    """The strength of one mode of ``depth`` equal layers, ``ds/dt = depth s^(2 - 2/depth) (sigma - s)`` (Saxe et al. 2014).

    Parameters
    ----------
    t
        Times, at least zero.
    depth
        Number of layers.
    start, sigma
        Strength at the start, above zero, and the singular value that is learned, above the start.

    >>> import overparam as op
    >>> two = op.deep_linear.deep_mode([0.0, 5.0, 20.0], depth=2, start=0.01, sigma=1.0)
    >>> three = op.deep_linear.deep_mode([0.0, 5.0, 20.0], depth=3, start=0.01, sigma=1.0)
    >>> bool(three[1] < two[1])  # deeper, a longer plateau
    True
    """
    times = numbers("t", t)
    strengths = _core.deep_mode(times.ravel().tolist(), whole("depth", depth, 1), float(start), float(sigma))
    return np.reshape(strengths, times.shape)


class BalancedFlow(NamedTuple):
    """Products of two layers under gradient flow."""

    #: ``W2 W1`` at each time, ``times x c x d``.
    products: Array
    #: Where it goes.
    limit: Array


def balanced_flow(
    w1: npt.ArrayLike, w2: npt.ArrayLike, correlations: npt.ArrayLike, t: Sequence[float]
) -> BalancedFlow:
    """Gradient flow of two linear layers on whitened inputs, in closed form (Braun et al. 2022; Domine et al. 2025).

    Parameters
    ----------
    w1, w2
        The layers at the start, ``h x d`` and ``c x h``, with ``W2^T W2 - W1 W1^T`` a multiple of the identity.
    correlations
        ``Sigma = E y x^T``, ``c x d``.
    t
        Ascending times.

    >>> import numpy as np, overparam as op
    >>> small = 0.1 * np.eye(2)
    >>> flow = op.deep_linear.balanced_flow(small, small, np.diag([3.0, 1.0]), [0.0, 1.0, 10.0])
    >>> flow.products[-1].round(3)
    array([[3., 0.],
           [0., 1.]])
    """
    products, limit = _core.balanced_flow(
        matrix("w1", w1), matrix("w2", w2), matrix("correlations", correlations), numbers("t", t).ravel().tolist()
    )
    shape = limit.shape
    return BalancedFlow(np.array(products).reshape(len(products), *shape), limit)


class Trained(NamedTuple):
    """A trained deep linear network."""

    #: ``W_1``, ..., ``W_N``, first applied first.
    weights: list[Array]
    #: The product ``W_N ... W_1``.
    end: Array
    #: The loss at the end.
    loss: float
    #: Steps taken.
    steps: int


def _entries(observed: npt.ArrayLike) -> tuple[int, int, list[tuple[int, int, float]]]:
    """The entries of a matrix that are not NaN."""
    array = numbers("observed", observed)
    if array.ndim != 2:
        raise ValueError(f"observed: expected a matrix with NaN where nothing is known, got shape {array.shape}")
    rows, columns = np.nonzero(~np.isnan(array))
    values = array[rows, columns]
    return array.shape[0], array.shape[1], list(zip(rows.tolist(), columns.tolist(), values.tolist()))


def complete(
    observed: npt.ArrayLike,
    *,
    depth: int = 3,
    width: Optional[int] = None,
    init: Init = "gaussian",
    scale: float = 1e-3,
    optimizer: Rule = "rms",
    learning_rate: float = 1e-3,
    loss_target: float = 1e-6,
    max_steps: int = 200_000,
    seed: int = 0,
) -> Trained:
    """Completes a matrix by descent on the factors of a deep linear network.

    The loss is the mean squared error on the entries that are known. From a small start, depth makes descent prefer low rank
    (Arora, Cohen, Hu and Luo 2019).

    Parameters
    ----------
    observed
        The matrix, with NaN where nothing is known.
    depth, width
        Number of layers, and of hidden units; as many as the larger side of the matrix by default.
    init, scale
        ``"gaussian"``, ``"identity"`` or ``"orthogonal"`` weights, and the scale of their product.
    optimizer, learning_rate
        ``"descent"``, ``"adam"``, or ``"rms"``: descent whose speed adapts to one second moment of all gradients.
    loss_target, max_steps
        Where it stops.
    seed
        Of the start.

    >>> import numpy as np, overparam as op
    >>> fit = op.deep_linear.complete([[1.0, 2.0], [2.0, np.nan]], depth=3)
    >>> bool(fit.loss < 1e-5 and abs(fit.end[1, 1] - 4.0) < 0.5)  # rank one
    True
    """
    rows, columns, entries = _entries(observed)
    hidden = max(rows, columns) if width is None else whole("width", width, 1)
    widths = [columns, *[hidden] * (whole("depth", depth, 1) - 1), rows]
    return _train((rows, columns, entries), widths, init, scale, optimizer, learning_rate, loss_target, max_steps, seed)


def regress(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    hidden: Sequence[int],
    init: Init = "gaussian",
    scale: float = 1e-3,
    optimizer: Rule = "descent",
    learning_rate: float = 1e-2,
    loss_target: float = 1e-9,
    max_steps: int = 100_000,
    seed: int = 0,
) -> Trained:
    """Linear regression by descent on the factors of a deep linear network; the loss is the mean of ``||W x_i - y_i||^2``.

    Parameters
    ----------
    x, y
        Inputs ``n x d`` and targets ``n x k``.
    hidden
        Widths of the hidden layers.
    init, scale, optimizer, learning_rate, loss_target, max_steps, seed
        As of :func:`complete`.

    >>> import numpy as np, overparam as op
    >>> fit = op.deep_linear.regress(np.eye(2), [[1.0], [2.0]], hidden=[4], scale=0.1, learning_rate=0.1)
    >>> fit.end.round(3)
    array([[1., 2.]])
    """
    inputs, targets = matrix("x", x), matrix("y", y)
    widths = [inputs.shape[1], *(whole("hidden", width, 1) for width in hidden), targets.shape[1]]
    return _train((inputs, targets), widths, init, scale, optimizer, learning_rate, loss_target, max_steps, seed)


def _train(
    task: Any,
    widths: list[int],
    init: str,
    scale: float,
    optimizer: str,
    learning_rate: float,
    loss_target: float,
    max_steps: int,
    seed: int,
) -> Trained:
    start = (init, float(scale), whole("seed", seed, 0, 2**64 - 1))
    until = (float(loss_target), whole("max_steps", max_steps, 0, 2**63))
    return Trained(*_core.train(task, widths, start, (optimizer, float(learning_rate)), until))


class Completion(NamedTuple):
    """The end matrix of a deep linear network under gradient flow."""

    #: At each time, ``times x rows x columns``.
    matrices: Array
    #: The loss at each time.
    losses: Array


def completion_flow(observed: npt.ArrayLike, start: npt.ArrayLike, t: Sequence[float], *, depth: int) -> Completion:
    """Gradient flow of the product of ``depth`` balanced layers that complete a matrix (Arora, Cohen and Hazan 2018).

    ``dW/dt = - sum_j [W W^T]^((N - j) / N) G [W^T W]^((j - 1) / N)`` with the gradient ``G`` of the mean squared error on known entries.

    Parameters
    ----------
    observed
        The matrix, with NaN where nothing is known.
    start
        The product at the start.
    t
        Ascending times.
    depth
        Number of layers.

    >>> import numpy as np, overparam as op
    >>> flow = op.deep_linear.completion_flow([[1.0, 2.0], [2.0, np.nan]], 0.01 * np.eye(2), [0.0, 50.0], depth=3)
    >>> bool(flow.losses[1] < 1e-3 < flow.losses[0])
    True
    """
    times = numbers("t", t).ravel().tolist()
    if any(not math.isfinite(time) or time < 0 for time in times) or sorted(times) != times:
        raise ValueError(f"t = {t!r}: expected ascending finite times >= 0")
    found, losses = _core.end_to_end_flow(_entries(observed), whole("depth", depth, 1), matrix("start", start), times)
    return Completion(np.array(found), np.array(losses))


class NuclearNorm(NamedTuple):
    """The completion of least nuclear norm."""

    matrix: Array
    #: Its nuclear norm.
    nuclear_norm: float
    #: What a dual certificate proves: no completion has a smaller nuclear norm.
    lower_bound: float


def nuclear_norm_completion(observed: npt.ArrayLike, *, tolerance: float = 1e-6) -> NuclearNorm:
    """The completion of least nuclear norm, with a certificate: the convex baseline of :func:`complete` (Candes and Recht 2009).

    Parameters
    ----------
    observed
        The matrix, with NaN where nothing is known.
    tolerance
        Relative gap between the norm and the lower bound.

    >>> import numpy as np, overparam as op
    >>> found = op.deep_linear.nuclear_norm_completion([[1.0, 1.0], [1.0, np.nan]])
    >>> found.matrix.round(3)
    array([[1., 1.],
           [1., 1.]])
    """
    rows, columns, entries = _entries(observed)
    return NuclearNorm(*_core.nuclear_norm_completion((rows, columns), entries, float(tolerance)))


def effective_rank(m: npt.ArrayLike) -> float:
    """``exp`` of the entropy of the singular values as shares of their sum (Roy and Vetterli 2007).

    >>> import numpy as np, overparam as op
    >>> round(op.deep_linear.effective_rank(np.eye(3)), 6)
    3.0
    """
    return _core.measures(matrix("m", m))[0]
