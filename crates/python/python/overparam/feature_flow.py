"""Networks whose features move: deep networks as flows of features, mean-field particles, the limit between lazy and rich.

>>> import numpy as np, overparam as op
>>> rng = np.random.default_rng(0)
>>> flow = op.feature_flow.neural_feature_flow(
...     rng.standard_normal((8, 5)), rng.standard_normal(8), depth=3, width=50, learning_rate=0.5, steps=200
... )
>>> bool(flow.losses[-1] < flow.losses[0])
True
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Optional, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Array, ascending, columns, matrix, numbers, whole
from ._results import Results

__all__ = [
    "FeatureFlow",
    "MeanField",
    "Particles",
    "deep_linear_limit",
    "mean_field_descent",
    "mean_field_optimum",
    "neural_feature_flow",
    "rich_limit",
    "staircase",
]


class FeatureFlow(NamedTuple):
    """A deep network after descent."""

    #: The loss before each step and after the last one.
    losses: Array
    #: Features of each layer on the examples, before the activation, ``n x width``.
    features: list[Array]
    #: How far the features of each layer have moved, root mean square.
    displacement: Array
    #: Outputs on the examples.
    outputs: Array


def neural_feature_flow(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    depth: int,
    width: int,
    learning_rate: float,
    steps: int,
    loss_target: float = 0.0,
    architecture: Literal["resnet", "dnn"] = "resnet",
    scaling: Literal["mean_field", "ntk"] = "mean_field",
    activation: Literal["tanh", "relu"] = "tanh",
    start: Literal["zero", "independent", "regression"] = "zero",
    seed: int = 0,
) -> FeatureFlow:
    """A deep network as the trajectory of its features on the training set (Fang, Lee, Yang and Zhang 2021).

    In the mean-field scaling features follow a deterministic flow as the width grows, ::

        b^1 = X V_1 / sqrt(d),    b^(l+1) = b^l + h((1/m) h(b^l) V_l),    f = (1/m) h(b^L) u      (ResNet)

    and if that of a ResNet converges, it is to a global minimum. In the NTK scaling features stay where they are. The loss is
    ``1/(2n) sum (f - y)^2``.

    Parameters
    ----------
    x, y
        Inputs ``n x d`` and targets, ``n`` numbers.
    depth, width
        Number of layers of features, and ``m``, the units in each.
    learning_rate, steps, loss_target
        Descent, with the rates of the scaling; it stops at the target.
    architecture, scaling, activation
        ``"resnet"`` or ``"dnn"``; ``"mean_field"`` or ``"ntk"``; ``"tanh"`` or ``"relu"``.
    start
        Hidden weights: ``"zero"``, ``"independent"``, or ``"regression"``, the smallest that reproduce Gaussian features (for a plain
        network, whose middle layers collapse from independent ones).
    seed
        Of the start.

    >>> import numpy as np, overparam as op
    >>> x, y = np.random.default_rng(0).standard_normal((6, 4)), np.ones(6)
    >>> run = lambda scaling: op.feature_flow.neural_feature_flow(
    ...     x, y, depth=3, width=200, learning_rate=0.2, steps=20, scaling=scaling)
    >>> bool(run("mean_field").displacement.max() > run("ntk").displacement.max())
    True
    """
    inputs, (targets, _) = matrix("x", x), columns("y", y)
    sizes = (whole("depth", depth, 1), whole("width", width, 1), whole("seed", seed, 0, 2**64 - 1))
    losses, features, moved, outputs = _core.neural_feature_flow(
        inputs,
        targets,
        (architecture, scaling, activation, start),
        sizes,
        (_positive("learning_rate", learning_rate), whole("steps", steps), float(loss_target)),
    )
    return FeatureFlow(np.array(losses), features, np.array(moved), outputs[:, 0])


def rich_limit(
    K: npt.ArrayLike,
    y: npt.ArrayLike,
    gamma: float,
    t: npt.ArrayLike,
    phi: Literal["tanh", "relu", "erf", "linear"] = "tanh",
    *,
    fluctuations: bool = False,
    step: Optional[float] = None,
    pairs: int = 16384,
    seed: int = 0,
) -> Results:
    """Two layers of infinite width at richness ``gamma``, from the tangent kernel to features that move (Bordelon and Pehlevan 2022).

    ``f(x) = 1/(gamma m) sum_i a_i phi(h_i(x))``, ``h_i(x) = w_i.x / sqrt(d)``, from standard normal ``a`` and ``w``, follows the gradient flow of
    ``1/2 sum (y - f)^2`` (a sum over examples, not a mean) at the rate ``gamma^2 m``, and ``m`` goes to infinity. ``gamma = 0`` is the tangent
    kernel, ``gamma = 1`` the mean-field scaling.

    Parameters
    ----------
    K
        ``X X^T / d`` of training examples, then test points, ``n x n``.
    y
        Targets of the training examples, as many as there are.
    gamma
        Richness, at least zero.
    t
        A time, or ascending times.
    phi
        ``"tanh"``, ``"relu"``, ``"erf"`` or ``"linear"``.
    fluctuations
        Whether to compute ``m_cov_f`` too; ``phi`` must be smooth and ``gamma`` above zero.
    step
        Distance of the nodes of a grid over the units, in standard deviations, where inputs span at most three dimensions (one, if ``phi`` is
        ``"relu"``): 0.06, 0.2 or 0.45 for one, two or three, unless given.
    pairs, seed
        Pairs of random units in each of six samples, where inputs span more dimensions, and the seed.

    Returns
    -------
    dict
        With ``T`` times: ``f`` (``T x n``); ``Phi`` and ``G`` (``T x T x n x n``), ``E phi(h(t)) phi(h(s))`` and ``E g(t) g(s)``,
        ``g = a phi'(h)``, at ``[t, s]``; ``ntk`` (``T x n x n``), the tangent kernel ``Phi(t, t) + K G(t, t)``; ``m_cov_f`` (``T x n x n``), the covariance
        of the outputs of nets of width ``m`` times ``m``, to leading order, if asked for; ``f_error`` and ``kernel_error``, estimates of the
        largest errors: of a grid twice the largest distance from two coarser ones, of samples the largest standard error. If ``t`` is a number, the
        axes of times are left out.

    Raises
    ------
    ValueError
        For a ``K`` that is no kernel, more targets than rows, a parameter out of range.
    ArithmeticError
        If the flow diverges.

    >>> import numpy as np, overparam as op
    >>> K = np.array([[1.0, 0.3], [0.3, 0.8]])
    >>> lazy, rich = (op.feature_flow.rich_limit(K, [1.0, -0.5], gamma, [0.5, 2.0], step=0.5) for gamma in (0.0, 1.0))
    >>> bool(np.allclose(lazy["ntk"][0], lazy["ntk"][1])), bool(np.allclose(rich["ntk"][0], rich["ntk"][1]))
    (True, False)
    >>> rich["f"][1].round(3)
    array([ 0.762, -0.346])
    """
    times, several = ascending("t", t)
    if not 0.0 <= gamma < math.inf:
        raise ValueError(f"gamma = {gamma!r}: expected a finite number >= 0")
    if fluctuations and gamma == 0.0:
        raise ValueError("fluctuations=True: expected gamma > 0, since at gamma = 0 the outputs of finite nets scatter without bound")
    kernel, targets = matrix("K", K), numbers("y", y).ravel()
    width = None if step is None else _positive("step", step)
    numerics = (width, whole("pairs", pairs, 1, 2**24), whole("seed", seed, 0, 2**64 - 1), bool(fluctuations))
    outputs, features, gradients, scatter, errors = _core.rich_limit(
        kernel, targets.tolist(), float(gamma), times, phi, numerics
    )
    count, n = len(times), len(kernel)
    two_times = [np.array(flat).reshape(count, count, n, n) for flat in (features, gradients)]
    instants = np.arange(count)
    found = {
        "f": np.array(outputs),
        "Phi": two_times[0],
        "G": two_times[1],
        "ntk": two_times[0][instants, instants] + kernel * two_times[1][instants, instants],
    }
    if fluctuations:
        found["m_cov_f"] = np.array(scatter)
    if not several:
        found = {name: all[0, 0] if name in ("Phi", "G") else all[0] for name, all in found.items()}
    return Results(found, f_error=errors[0], kernel_error=errors[1])


def deep_linear_limit(
    K: npt.ArrayLike,
    y: npt.ArrayLike,
    gamma: float,
    t: npt.ArrayLike,
    *,
    hidden_layers: int = 2,
    step: Optional[float] = None,
) -> Results:
    """Linear nets of any depth and infinite width at richness ``gamma`` (the linear case of Bordelon and Pehlevan 2022).

    ``h_1 = W_1 x / sqrt(d)``, ``h_(l+1) = W_(l+1) h_l / sqrt(N)``, ``f = w.h_L / (gamma N)``, from standard normal weights, follows the gradient flow of
    ``1/2 sum (y - f)^2`` (a sum over examples) at the rate ``gamma^2 N``, and ``N`` goes to infinity. One hidden layer is
    :func:`rich_limit` with ``phi="linear"``.

    Parameters
    ----------
    K
        ``X X^T / d`` of training examples, then test points, ``n x n``.
    y
        Targets of the training examples, as many as there are.
    gamma
        Richness, above zero.
    t
        A time, or ascending times.
    hidden_layers
        ``L``, at least 1.
    step
        The largest step of the coarsest of four solutions, above zero, whose steps halve; the flow is extrapolated from them. Unless given, 0.1, or
        0.6 over the largest eigenvalue of ``(hidden_layers + 1) K`` if that is less.

    Returns
    -------
    dict
        With ``T`` times: ``f`` (``T x n``); ``H`` (``T x L x n x n``), ``E h_l h_l^T`` at each time; ``G`` (``T x L``), ``E g_l^2``, where ``g_l`` is
        ``gamma N`` times the derivative of ``f`` in ``h_l``; ``ntk`` (``T x n x n``), the tangent kernel; ``f_error``, an estimate of the largest error
        of ``f``. If ``t`` is a number, the axes of times are left out.

    Raises
    ------
    ValueError
        For a ``K`` that is no kernel, more targets than rows, a parameter out of range, or too many steps.
    ArithmeticError
        If the flow diverges.

    >>> import numpy as np, overparam as op
    >>> K = np.array([[1.0, 0.3], [0.3, 0.8]])
    >>> found = op.feature_flow.deep_linear_limit(K, [1.0, -0.5], 1.0, 1.0)
    >>> found["f"].round(2), found["H"].shape
    (array([ 0.97, -0.45]), (2, 2, 2))
    """
    times, several = ascending("t", t)
    kernel, targets = matrix("K", K), numbers("y", y).ravel()
    outputs, features, gradients, error = _core.deep_linear_limit(
        kernel,
        targets.tolist(),
        _positive("gamma", gamma),
        times,
        (whole("hidden_layers", hidden_layers, 1, 1000), None if step is None else _positive("step", step)),
    )
    hidden, pulls = np.array(features), np.array(gradients)
    below = np.concatenate([np.broadcast_to(kernel, (len(times), 1, *kernel.shape)), hidden], axis=1)
    above = np.concatenate([pulls, np.ones((len(times), 1))], axis=1)
    found = {"f": np.array(outputs), "H": hidden, "G": pulls, "ntk": np.einsum("tl,tlij->tij", above, below)}
    return Results(found if several else {name: all[0] for name, all in found.items()}, f_error=error)


def staircase(
    P: int,
    terms: Sequence[tuple[float, Sequence[int]]],
    s0: float,
    b0: float,
    t: npt.ArrayLike,
) -> Results:
    """What descent learns of a sparse function of signs in high dimension (Abbe, Boix-Adsera and Misiakiewicz 2022).

    ``x`` is uniform on ``{-1, 1}^d``, the target ``h = sum_S c_S prod_{i in S} x_i`` depends on ``P`` of its signs, and a wide net
    ``1/m sum_j a_j phi(w_j.x)``, ``phi(x) = erf((x + b0) / sqrt(2))``, starts from ``a`` uniform on ``[-1, 1]`` and ``w`` normal of norm ``s0``. As ``d`` goes to
    infinity its gradient flow on ``1/2 E (y - f)^2`` no longer depends on ``d``: a staircase, whose monomials add one sign at a time, is
    learned; what needs a leap is not.

    Parameters
    ----------
    P
        Number of signs that the target depends on, at most 16.
    terms
        ``(c, S)`` for each monomial: its coefficient and its signs, counted from 0.
    s0, b0
        Norm of the hidden weights at the start, and the bias; without a bias only monomials of odd degree are learned.
    t
        A time, or ascending times.

    Returns
    -------
    dict
        ``risk``, ``1/2 E (h - f)^2`` at each time; ``fourier``, the coefficients of ``f``, along a last axis of ``2^P``: that of ``S`` at the index
        ``sum(2**i for i in S)``; ``leap``, how many new signs the target needs at once; ``error``, an estimate of the largest error of risks and
        coefficients.

    Raises
    ------
    ValueError
        For a monomial that stands twice or has a sign beyond ``P``, or a parameter out of range.

    >>> import overparam as op
    >>> stairs = op.feature_flow.staircase(3, [(1, [0]), (1, [0, 1]), (1, [0, 1, 2])], 1.0, 0.5, [0.0, 8.0])
    >>> gap = op.feature_flow.staircase(3, [(1, [0]), (1, [0, 1, 2])], 1.0, 0.5, [0.0, 8.0])
    >>> stairs["leap"], gap["leap"], stairs["risk"].round(3), gap["risk"].round(3)
    (1, 2, array([1.5  , 0.489]), array([1. , 0.5]))
    """
    times, several = ascending("t", t)
    monomials = [(float(c), [whole("a sign of terms", i, 0, 15) for i in signs]) for c, signs in terms]
    leap, (risks, coefficients, error) = _core.staircase(whole("P", P, 1, 16), monomials, float(s0), float(b0), times)
    risk, fourier = np.array(risks), np.array(coefficients)
    return Results(risk=risk if several else risk[0], fourier=fourier if several else fourier[0], leap=leap, error=error)


class MeanField(NamedTuple):
    """The minimum over all distributions of features."""

    #: The objective.
    value: float
    #: What a dual certificate proves: no distribution has a smaller one.
    lower_bound: float
    #: ``m`` times the excess that ``m`` particles are expected to have.
    finite_width_gap: float


def mean_field_optimum(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ridge: float,
    temperature: float,
    spread: float = 1.0,
    activation: Literal["tanh", "relu"] = "tanh",
    points: int = 60,
    reach: float = 6.0,
    tolerance: float = 1e-9,
) -> MeanField:
    """The convex problem of a two-level network: the minimum over distributions of features (Fang, Dong and Zhang 2019).

    ``F(rho) = min_u {1/(2n) sum (f_i - y_i)^2 + ridge/2 int u^2 d rho} + temperature KL(rho || N(0, spread^2))``, by Newton's method on
    its dual over a grid of features.

    Parameters
    ----------
    x, y
        Inputs ``n x d``, of few dimensions, and targets, ``n`` numbers.
    ridge, temperature, spread
        Of the objective.
    activation
        ``"tanh"`` or ``"relu"``.
    points, reach
        Of the grid, per axis: how many, and how far in units of the spread.
    tolerance
        Gap between the value and the lower bound.

    >>> import numpy as np, overparam as op
    >>> x, y = np.array([[1.0, 0.2], [1.0, -0.7], [1.0, 1.1]]), np.array([0.5, -0.5, 0.2])
    >>> best = op.feature_flow.mean_field_optimum(x, y, ridge=0.1, temperature=0.01)
    >>> bool(0.0 <= best.value - best.lower_bound <= 1e-9)
    True
    """
    found = _core.mean_field_optimum(
        matrix("x", x),
        numbers("y", y).ravel().tolist(),
        activation,
        (float(ridge), float(temperature), float(spread)),
        (whole("points", points, 2), _positive("reach", reach), _positive("tolerance", tolerance)),
    )
    return MeanField(*found)


class Particles(NamedTuple):
    """Features after noisy descent."""

    #: ``units x d``.
    features: Array
    #: Loss and ridge at the best top layer, before each step.
    values: Array


def mean_field_descent(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    units: int,
    learning_rate: float,
    steps: int,
    ridge: float,
    temperature: float,
    spread: float = 1.0,
    activation: Literal["tanh", "relu"] = "tanh",
    noise: float = 1.0,
    seed: int = 0,
) -> Particles:
    """Noisy descent of finitely many features, with the top layer at its optimum (Fang, Dong and Zhang 2019; Mei, Montanari and Nguyen 2018).

    The Langevin dynamics of the objective of :func:`mean_field_optimum`, in the mean-field scaling: how far a feature moves does not
    depend on how many there are.

    Parameters
    ----------
    x, y, ridge, temperature, spread, activation
        As of :func:`mean_field_optimum`; any number of dimensions.
    units
        Number of features.
    learning_rate, steps
        Of descent.
    noise
        Variance of the noise, in units of that for which the minimum is the stationary law: 1 in the theorem, 0 for plain
        gradient descent.
    seed
        Of the start and the noise.

    >>> import numpy as np, overparam as op
    >>> x, y = np.array([[1.0, 0.2], [1.0, -0.7]]), np.array([0.5, -0.5])
    >>> run = op.feature_flow.mean_field_descent(
    ...     x, y, units=100, learning_rate=0.1, steps=100, ridge=0.1, temperature=1e-3)
    >>> run.features.shape, bool(run.values[-1] < run.values[0])
    ((100, 2), True)
    """
    features, values = _core.mean_field_descent(
        matrix("x", x),
        numbers("y", y).ravel().tolist(),
        activation,
        (float(ridge), float(temperature), float(spread)),
        (whole("units", units, 1), whole("seed", seed, 0, 2**64 - 1), float(noise)),
        (_positive("learning_rate", learning_rate), whole("steps", steps)),
    )
    return Particles(features, np.array(values))


def _positive(name: str, given: float) -> float:
    number = float(given)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} = {given!r}: expected a finite number > 0")
    return number
