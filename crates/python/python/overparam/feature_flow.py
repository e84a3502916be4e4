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
from typing import Literal, NamedTuple, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Array, columns, matrix, numbers, whole

__all__ = [
    "FeatureFlow",
    "MeanField",
    "Particles",
    "RichLimit",
    "mean_field_descent",
    "mean_field_optimum",
    "neural_feature_flow",
    "rich_limit",
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


class RichLimit(NamedTuple):
    """Two layers of infinite width at some times."""

    #: ``times x n``, the training examples first, then the test points.
    outputs: Array
    #: The tangent kernel, ``times x n x n``.
    kernels: Array
    #: An estimate of the largest error of an output.
    error: float


def rich_limit(
    kernel: npt.ArrayLike,
    y: npt.ArrayLike,
    t: Sequence[float],
    *,
    gamma: float,
    activation: Literal["tanh", "relu", "erf", "linear"] = "tanh",
    step: float = 0.3,
    seed: int = 0,
) -> RichLimit:
    """Two layers of infinite width between the tangent kernel (``gamma = 0``) and feature learning (Bordelon and Pehlevan 2022).

    Gradient flow of ``1/2 sum (y - f)^2`` on the training examples.

    Parameters
    ----------
    kernel
        ``X X^T / d`` of training examples, then test points, ``n x n``.
    y
        Targets of the training examples, as many as there are.
    t
        Ascending times.
    gamma
        Richness; one is the mean-field scaling.
    activation
        ``"tanh"``, ``"relu"``, ``"erf"`` or ``"linear"``.
    step
        Distance of the nodes of a grid over the units, in standard deviations, where inputs span at most three dimensions.
    seed
        Of the random units, where they span more.

    >>> import numpy as np, overparam as op
    >>> k = np.array([[1.0, 0.3], [0.3, 0.8]])
    >>> lazy = op.feature_flow.rich_limit(k, [1.0, -0.5], [0.5, 2.0], gamma=0.0)
    >>> rich = op.feature_flow.rich_limit(k, [1.0, -0.5], [0.5, 2.0], gamma=1.0)
    >>> bool(np.allclose(lazy.kernels[0], lazy.kernels[1])), bool(np.allclose(rich.kernels[0], rich.kernels[1]))
    (True, False)
    """
    times = numbers("t", t).ravel().tolist()
    if not times or any(not math.isfinite(time) or time < 0 for time in times) or sorted(times) != times:
        raise ValueError(f"t = {t!r}: expected ascending finite times >= 0")
    if not 0.0 <= gamma < math.inf:
        raise ValueError(f"gamma = {gamma!r}: expected a finite number >= 0")
    outputs, kernels, error = _core.rich_limit(
        matrix("kernel", kernel),
        numbers("y", y).ravel().tolist(),
        float(gamma),
        times,
        activation,
        (_positive("step", step), whole("seed", seed, 0, 2**64 - 1)),
    )
    return RichLimit(np.array(outputs), np.array(kernels), error)


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
