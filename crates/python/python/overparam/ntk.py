"""The tangent kernel at finite width: its mean and scatter at the start, its drift under training, and what a step changes by width.

Kernels of infinite width, and of finite networks, are methods of :class:`overparam.Architecture`.

>>> import overparam as op
>>> deep = op.ntk.finite_width_relu_deep([8, 256, 256, 256])
>>> round(deep["second_moment"] / deep["mean"] ** 2 - 1, 4)  # relative variance, about 11 L / (3 n)
0.0397
"""

from __future__ import annotations

from typing import Any, Literal, Optional, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._architecture import Architecture
from ._arrays import ascending, columns, inputs, matrix, numbers, whole
from ._results import Results

__all__ = ["coordinate_check", "finite_width_relu", "finite_width_relu_deep", "finite_width_second_order"]


def finite_width_relu(t: npt.ArrayLike) -> Results:
    """Mean and variance of the tangent kernel of two ReLU layers between unit inputs, exact at every width ``n``.

    ``f(x) = sqrt(2/n) sum_i a_i relu(w_i.x)`` with standard normal weights, both layers trained. With ``t = x.x'``, ``J0 = pi - arccos(t)``,
    ``J1 = sin + J0 t``, ``J2 = 3 t sin + J0 (1 + 2 t^2)``, ::

        mean = (J1 + t J0)/pi,    n variance = 4 [(J2 + 2 t J1 + 3 t^2 J0)/(2 pi) - mean^2/4]

    Parameters
    ----------
    t
        The cosine of the inputs, from -1 to 1: a number, or an array.

    Returns
    -------
    dict
        ``mean`` and ``n_times_variance``, in the shape of ``t``.

    Raises
    ------
    ValueError
        For a cosine beyond -1 or 1.

    >>> import overparam as op
    >>> op.ntk.finite_width_relu(1.0)
    {'mean': 2.0, 'n_times_variance': 12.0}
    """
    cosines = numbers("t", t)
    found = np.array(_core.finite_width_relu(cosines.ravel().tolist())).reshape(-1, 2).T
    mean, variance = (row.reshape(cosines.shape) if cosines.ndim else float(row[0]) for row in found)
    return Results(mean=mean, n_times_variance=variance)


def finite_width_relu_deep(widths: Sequence[int]) -> Results:
    """Moments of the tangent kernel and the output of a ReLU net at one unit input, exact at all widths (compare Hanin and Nica 2020).

    Weights are standard normal with the factor ``sqrt(2/fan-in)``, without biases, all layers trained, one output.

    Parameters
    ----------
    widths
        ``[d, n_1, ..., n_L]``: the inputs, then the hidden layers.

    Returns
    -------
    dict
        ``mean`` (``2 (L + 1)/d``, the limit's, at every width) and ``second_moment`` of ``Theta(x, x)``; ``f2`` and ``f4``, the second and fourth moment of
        ``f(x)``. An input of another norm multiplies ``Theta`` and ``f^2`` by its square.

    Raises
    ------
    ValueError
        For fewer than two widths, or one below 1.

    >>> import overparam as op
    >>> found = op.ntk.finite_width_relu_deep([4, 8])
    >>> found["mean"], found["second_moment"], found["f2"], found["f4"]
    (1.0, 1.375, 0.5, 1.21875)
    """
    found = _core.finite_width_relu_deep([whole("a width", n, 1) for n in widths])
    return Results(zip(("mean", "second_moment", "f2", "f4"), found))


def finite_width_second_order(
    K: npt.ArrayLike,
    y: npt.ArrayLike,
    t: npt.ArrayLike,
    phi: Literal["tanh", "erf", "sin", "linear"] = "tanh",
) -> Results:
    """How training changes kernel and outputs of a two-layer net of width ``m`` (compare Dyer and Gur-Ari 2020).

    ``Theta = Theta0 + Theta2/m + ...``, ``f = f0 + f2/m + ...`` of ``f(x) = 1/sqrt(m) sum_i a_i phi(w_i.x / sqrt(d))``, started in pairs of units of opposite
    ``a`` and trained by the gradient flow of ``1/2 sum (y - f)^2``; at richness ``gamma`` read ``gamma^2`` for ``1/m``.

    Parameters
    ----------
    K
        ``X X^T / d`` of training examples, then test points, ``n x n`` of rank at most 3.
    y
        Targets of the training examples, as many as there are.
    t
        A time, or ascending times.
    phi
        ``"tanh"``, ``"erf"``, ``"sin"`` or ``"linear"``.

    Returns
    -------
    dict
        ``Theta0`` (``n x n``); ``Theta2`` (``n x n``), ``f0`` and ``f2`` (``n``) at each time, along a first axis if ``t`` has one.

    Raises
    ------
    ValueError
        For a ``K`` that is no kernel or of rank above 3, more targets than rows, a parameter out of range.

    >>> import numpy as np, overparam as op
    >>> op.ntk.finite_width_second_order([[1.0]], [1.0], 2.0, "linear")["Theta2"].round(3)
    array([[0.964]])
    """
    times, several = ascending("t", t)
    targets = numbers("y", y).ravel().tolist()
    theta, (outputs, changes, kernels) = _core.finite_width_second_order(matrix("K", K), targets, times, phi)
    found = {"f0": np.array(outputs), "f2": np.array(changes), "Theta2": np.array(kernels)}
    return Results({name: all if several else all[0] for name, all in found.items()}, Theta0=theta)


def coordinate_check(
    net: Architecture,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    widths: Sequence[int],
    base_width: int,
    parameterization: Literal["standard", "ntk", "mup"] = "mup",
    optimizer: Literal["sgd", "adam"] = "sgd",
    rate: float = 1e-5,
    steps: int = 1,
    seeds: int = 3,
    seed: int = 0,
    tolerance: Optional[float] = None,
) -> list[dict[str, Any]]:
    """How large each layer is, and how far a small step moves it, by width: whether a parameterization keeps its promise (Yang and Hu 2021).

    At width ``n`` every hidden width of ``net`` is multiplied by ``n / base_width``; widths that sums or products join to the inputs or the outputs
    stay. The loss is ``-1/P sum_p y_p . f(x_p)``, so that the random output at the start does not enter.

    Parameters
    ----------
    net
        Any architecture; its own parameterization does not matter.
    x, y
        ``P`` inputs as for :meth:`overparam.Architecture.kernel`, and targets, ``P`` numbers or ``P x c`` for ``c`` outputs.
    widths, base_width
        At least two ascending widths, and the one at which the rate is given.
    parameterization, optimizer
        ``"standard"``, ``"ntk"`` or ``"mup"`` (maximal updates), for ``"sgd"`` or ``"adam"``.
    rate, steps
        The learning rate, small, and the steps; the promises are those of the first.
    seeds, seed
        Nets at each width, and the seed.
    tolerance
        How far an exponent may be from what is promised, beside four standard errors: 0.05 for SGD and 0.1 for Adam, unless given.

    Returns
    -------
    list of dict
        One for each affine map and one for the output: ``layer``, its name; ``sizes`` and ``changes``, root mean squares at each width; ``size_exponent``
        and ``change_exponent``, their slopes in logarithms (``None`` if one is zero); ``size_error`` and ``change_error``, the standard errors of these over
        the seeds (0 for a single one); ``promised_size`` and ``promised_change``, pairs of ``"exactly"`` or ``"at most"`` and an exponent, or
        ``None`` where no theory is known; ``as_promised``, whether both are so, or ``None``.

    Raises
    ------
    ValueError
        For data that do not fit, or a parameter out of range.

    >>> import numpy as np, overparam as op
    >>> rng = np.random.default_rng(0)
    >>> net = op.serial(op.Dense(32, w_std=1.4), op.Relu(), op.Dense(32, w_std=1.4), op.Relu(), op.Dense(1))
    >>> found = op.ntk.coordinate_check(
    ...     net, rng.standard_normal((16, 4)), np.ones(16), widths=[32, 64, 128, 256], base_width=32, tolerance=0.25)
    >>> [(row["layer"], row["as_promised"]) for row in found]
    [('layers[0]', True), ('layers[2]', True), ('layers[4]', True), ('output', True)]
    """
    (given,) = inputs(["x"], x)
    assert given is not None
    targets, _ = columns("y", y)
    allowed = (0.1 if optimizer == "adam" else 0.05) if tolerance is None else float(tolerance)
    if not allowed >= 0.0:
        raise ValueError(f"tolerance = {tolerance!r}: expected a number >= 0")
    rows = _core.coordinate_check(
        net.to_json(),
        given.astype(np.float64, copy=False),
        targets,
        ([whole("a width", n, 1) for n in widths], whole("base_width", base_width, 1)),
        (parameterization, optimizer),
        (float(rate), whole("steps", steps, 1), whole("seeds", seeds, 1), whole("seed", seed, 0, 2**64 - 1), allowed),
    )
    return [
        {
            "layer": name,
            "sizes": np.array(sizes),
            "changes": np.array(changes),
            "size_exponent": size,
            "size_error": size_error,
            "change_exponent": change,
            "change_error": change_error,
            "promised_size": promised_size,
            "promised_change": promised_change,
            "as_promised": kept,
        }
        for (
            name,
            sizes,
            changes,
            ((size, size_error), (change, change_error)),
            (promised_size, promised_change),
            kept,
        ) in rows
    ]
