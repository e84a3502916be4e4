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
from ._arrays import Array, ascending, matrix, numbers, whole
from ._results import Results

__all__ = [
    "Completion",
    "NuclearNorm",
    "Trained",
    "aligned_mode",
    "balanced",
    "complete",
    "completion_flow",
    "deep_mode",
    "depth_time",
    "effective_rank",
    "nuclear_norm_completion",
    "regress",
]

Init = Literal["gaussian", "identity", "orthogonal"]
Rule = Literal["descent", "adam", "rms"]


def aligned_mode(s0: float, sigma: float, lam: float, t: npt.ArrayLike) -> Array:
    """The strength ``s(t)`` of one mode of a two-layer linear network, from lazy to rich.

    ``ds/dt = sqrt(lam^2 + 4 s^2) (sigma - s)``: with ``lam = 0`` a sigmoid (Saxe, McClelland and Ganguli 2014), with a large one an
    exponential (Kunin et al. 2024). The tangent kernel of the mode is ``sqrt(lam^2 + 4 s^2)``. The closed form, to rounding.

    Parameters
    ----------
    s0, sigma
        Strength at the start, and the singular value that is learned.
    lam
        The imbalance ``b^2 - a^2`` of the two layers' norms, of either sign.
    t
        Times of at least zero, in any shape; the result has the same.

    Raises
    ------
    ValueError
        For a negative time, or numbers that are not finite.

    >>> import numpy as np, overparam as op
    >>> op.deep_linear.aligned_mode(0.01, 1.0, 0.0, [0.0, np.log(99) / 2]).round(6)
    array([0.01, 0.5 ])
    """
    times = numbers("t", t)
    found = _core.aligned_mode(times.ravel().tolist(), float(s0), float(sigma), float(lam))
    return np.reshape(found, times.shape)


def depth_time(N: int, s0: float, sigma: float, fraction: npt.ArrayLike) -> Any:
    """When one mode of ``N`` equal layers reaches a fraction of its strength, the inverse of :func:`deep_mode` (Saxe et al. 2014).

    As ``s0`` falls the mode waits longer and longer, and then jumps: ``ln(sigma/s0 - 1) / (2 sigma)`` until half its strength with two layers,
    about ``s0^(2/N - 1) / ((N - 2) sigma)`` with more.

    Parameters
    ----------
    N
        Number of layers.
    s0, sigma
        Strength at the start, above zero, and the singular value that is learned, above the start.
    fraction
        Of ``sigma``, from ``s0/sigma`` to below 1: a number, or an array.

    Returns
    -------
    float or array
        The times, in the shape of ``fraction``.

    >>> import numpy as np, overparam as op
    >>> bool(np.isclose(op.deep_linear.depth_time(2, 0.01, 1.0, 0.5), np.log(99) / 2))
    True
    """
    fractions = numbers("fraction", fraction)
    found = _core.depth_time(fractions.ravel().tolist(), whole("N", N, 1), float(s0), float(sigma))
    return np.reshape(found, fractions.shape) if fractions.ndim else found[0]


def deep_mode(t: npt.ArrayLike, *, depth: int, start: float, sigma: float) -> Array:
    """The strength of one mode of ``depth`` equal layers, ``ds/dt = depth s^(2 - 2/depth) (sigma - s)`` (Saxe et al. 2014).

    A jump after a very long plateau is only as exact as the time given: the last digit of ``t``, about ``2e-16 t``, moves the strength by
    ``ds/dt`` times as much.

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


def balanced(W1: npt.ArrayLike, W2: npt.ArrayLike, Sigma: npt.ArrayLike, t: npt.ArrayLike) -> Results:
    """Gradient flow of two linear layers on whitened inputs, in closed form at any time (Braun et al. 2022; Domine et al. 2025).

    ``dW1/dt = W2^T (Sigma - W2 W1)``, ``dW2/dt = (Sigma - W2 W1) W1^T`` from a balanced start, where ``W2^T W2 - W1 W1^T`` is ``lambda`` times
    the identity: ``lambda = 0`` is rich, a large one of either sign is lazy.

    Parameters
    ----------
    W1, W2
        The layers at the start, ``h x d`` and ``c x h``.
    Sigma
        The correlations ``E y x^T`` of targets and inputs, ``c x d``.
    t
        A time, or ascending times.

    Returns
    -------
    dict
        At each time (along a first axis, if ``t`` has one) ``W2W1`` (``c x d``), ``W1tW1`` (``d x d``), ``W2W2t`` (``c x c``), and ``ntk``, the
        tangent kernel between the unit inputs, ``(d c) x (d c)``: output ``k`` at the ``i``-th unit input is row ``i c + k``. Two inputs ``x``,
        ``z`` have the kernel ``x.z W2W2t + (x.W1tW1 z) I``. Besides, ``limit_W2W1``, where ``W2 W1`` goes.

    Raises
    ------
    ValueError
        For shapes that do not fit, a start that is not balanced, times that do not ascend.

    >>> import numpy as np, overparam as op
    >>> small = 0.1 * np.eye(2)
    >>> flow = op.deep_linear.balanced(small, small, np.diag([3.0, 1.0]), [0.0, 1.0, 10.0])
    >>> flow["W2W1"][-1].round(3)
    array([[3., 0.],
           [0., 1.]])
    """
    times, several = ascending("t", t)
    states, limit = _core.balanced(matrix("W1", W1), matrix("W2", W2), matrix("Sigma", Sigma), times)
    names = ("W2W1", "W1tW1", "W2W2t", "ntk")
    found = {name: np.array([state[i] for state in states]) for i, name in enumerate(names)}
    return Results({name: all if several else all[0] for name, all in found.items()}, limit_W2W1=limit)


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
