"""The predictions of neural-tangents, under its names: training with squared loss and Gaussian processes, in closed form.

``nt.predict`` is this module. The mathematics is that of :mod:`overparam.predict`. Results are in double precision.
"""

from __future__ import annotations

import math
from typing import Any, Callable, NamedTuple, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._arrays import Array, matrix, number_array
from ._nt_targets import Targets
from ._stax_layer import Get, kinds_of, picked
from .predict import Dynamics, _when
from .predict import posterior as _posterior

__all__ = [
    "Gaussian",
    "gp_inference",
    "gradient_descent",
    "gradient_descent_mse",
    "gradient_descent_mse_ensemble",
    "max_learning_rate",
]

Axes = Union[int, Sequence[int]]
PredictFn = Callable[..., Any]


class Gaussian(NamedTuple):
    """Mean, and covariance between inputs."""

    mean: Array
    covariance: Array


def gradient_descent_mse(
    k_train_train: npt.ArrayLike,
    y_train: npt.ArrayLike,
    learning_rate: float = 1.0,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Axes = (-1,),
) -> PredictFn:
    """Gradient flow on ``||f - y||^2 / (2 n c)``: :class:`overparam.predict.Dynamics`.

    ``predict_fn(t=None, fx_train_0=0.0, fx_test_0=None, k_test_train=None)`` gives the outputs on the training inputs, on the test
    inputs (``fx_train_0=None``), or both. ``t`` is a number or an array of times, whose axes come first in the results; ``None`` is the
    end of training.

    >>> import numpy as np
    >>> from overparam import nt
    >>> predict_fn = nt.predict.gradient_descent_mse(np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0], [-1.0]]))
    >>> train, test = predict_fn(None, 0.0, 0.0, np.array([[0.5, 0.5]]))
    >>> train.ravel(), test.round(3).ravel()
    (array([ 1., -1.]), array([-0.286]))
    >>> predict_fn(np.array([0.0, 1.0])).shape
    (2, 2, 1)
    """
    targets = Targets(y_train, trace_axes)
    dynamics = Dynamics(
        targets.kernel("k_train_train", k_train_train), targets.y, ridge=diag_reg, relative=not diag_reg_absolute_scale
    )

    def predict_fn(
        t: Optional[npt.ArrayLike] = None,
        fx_train_0: Optional[npt.ArrayLike] = 0.0,
        fx_test_0: Optional[npt.ArrayLike] = None,
        k_test_train: Optional[npt.ArrayLike] = None,
    ) -> Any:
        def run(time: float) -> list[Array]:
            return targets.run(dynamics, fx_train_0, fx_test_0, k_test_train, {"time": time, "learning_rate": learning_rate})

        if t is None:
            found = run(math.inf)
            if fx_train_0 is not None:  # as neural-tangents has it, with regularisation too
                found[0] = targets.whole.copy()
            return _one_or_both(found)
        return _one_or_both(_at_times(t, run))

    return predict_fn


def gradient_descent(
    loss: Callable[[Any, Any], Any],
    k_train_train: npt.ArrayLike,
    y_train: npt.ArrayLike,
    learning_rate: float = 1.0,
    momentum: Optional[float] = None,
    trace_axes: Axes = (-1,),
) -> PredictFn:
    """Gradient flow, with momentum if wanted, in closed form for a loss that is a multiple of the squared distance.

    neural-tangents integrates the equation numerically for any loss. Here ``loss`` is called on a few arrays to learn its factor, and
    refused if it is another function. ``predict_fn`` takes the arguments of that of :func:`gradient_descent_mse`.

    >>> import numpy as np
    >>> from overparam import nt
    >>> loss = lambda fx, y: 0.5 * np.mean((fx - y) ** 2)
    >>> predict_fn = nt.predict.gradient_descent(loss, np.eye(2), np.array([[1.0], [-1.0]]), momentum=0.9)
    >>> predict_fn(100.0).round(2).ravel()
    array([ 1., -1.])
    """
    targets = Targets(y_train, trace_axes)
    factor = _squared_loss_factor(loss, targets.whole)
    dynamics = Dynamics(factor * targets.kernel("k_train_train", k_train_train), targets.y)

    def predict_fn(
        t: Optional[npt.ArrayLike] = None,
        fx_train_or_state_0: Any = 0.0,
        fx_test_0: Optional[npt.ArrayLike] = None,
        k_test_train: Optional[npt.ArrayLike] = None,
    ) -> Any:
        if hasattr(fx_train_or_state_0, "qx_train"):
            raise NotImplementedError("gradient_descent: an ODEState is not supported: training begins at rest here.")

        def run(steps: float) -> list[Array]:
            when = {"time": steps, "learning_rate": learning_rate}
            if momentum is not None:
                when = {"time": math.sqrt(learning_rate) * steps, "learning_rate": learning_rate, "momentum": momentum}
            cross = None if k_test_train is None else factor * number_array("k_test_train", k_test_train, np.float64)
            return targets.run(dynamics, fx_train_or_state_0, fx_test_0, cross, when)

        return _one_or_both(_at_times(math.inf if t is None else t, run))

    return predict_fn


def gp_inference(
    k_train_train: Any,
    y_train: npt.ArrayLike,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Axes = (-1,),
) -> PredictFn:
    """What infinitely wide networks say in the end: ``predict_fn(get=None, k_test_train=None, k_test_test=None)``.

    ``"nngp"`` is the Bayesian posterior (:func:`overparam.predict.posterior`), ``"ntk"`` the ensemble of networks trained to the end
    (:meth:`overparam.predict.Dynamics.ensemble`), ``"ntkgp"`` the posterior of a Gaussian process whose covariance is the NTK. Kernels
    are arrays, or named tuples of ``nngp`` and ``ntk``. Without ``k_test_test``, the result is the mean alone.

    >>> import numpy as np
    >>> from overparam import nt
    >>> predict_fn = nt.predict.gp_inference(np.array([[1.0]]), np.array([[2.0]]), diag_reg=1.0)
    >>> predict_fn("nngp", np.array([[0.5]]), np.array([[1.0]]))
    Gaussian(mean=array([[0.5]]), covariance=array([[0.875]]))
    """
    targets = Targets(y_train, trace_axes)
    relative = not diag_reg_absolute_scale

    def predict_fn(get: Get = None, k_test_train: Any = None, k_test_test: Any = None) -> Any:
        found = {}
        for kind in kinds_of(get, ("nngp", "ntk", "ntkgp")):
            found[kind] = _inference(targets, (k_train_train, k_test_train, k_test_test), kind, diag_reg, relative)
        return picked("Gaussians", get, found)

    return predict_fn


def _inference(targets: Targets, kernels: tuple[Any, Any, Any], kind: str, ridge: float, relative: bool) -> Any:
    """One of the three answers."""
    dd, td, tt = kernels
    own = "nngp" if kind == "nngp" else "ntk"
    train = targets.kernel("k_train_train", _kernel_of("k_train_train", dd, own))
    if td is None:
        mean = targets.whole.copy()
        return mean if tt is None else Gaussian(mean, np.zeros_like(train))
    cross = matrix("k_test_train", _kernel_of("k_test_train", td, own))
    if tt is None:
        return targets.out(Dynamics(train, targets.y, ridge=ridge, relative=relative).test(cross))
    if kind != "ntk":
        test = matrix("k_test_test", _kernel_of("k_test_test", tt, own))
        posterior = _posterior((train, cross, test), targets.y, noise=ridge, relative=relative)
        return Gaussian(targets.out(posterior.mean), posterior.covariance)
    if not hasattr(dd, "nngp") or not hasattr(td, "nngp"):
        raise ValueError("get = 'ntk' with k_test_test needs both kernels: pass named tuples of nngp and ntk.")
    prior = (
        matrix("k_train_train", dd.nngp),
        matrix("k_test_train", td.nngp),
        matrix("k_test_test", _kernel_of("k_test_test", tt, "nngp")),
    )
    ensemble = Dynamics(train, targets.y, ridge=ridge, relative=relative).ensemble(cross, prior)
    return Gaussian(targets.out(ensemble.mean), ensemble.covariance)


def gradient_descent_mse_ensemble(
    kernel_fn: Callable[..., Any],
    x_train: npt.ArrayLike,
    y_train: npt.ArrayLike,
    learning_rate: float = 1.0,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Axes = (-1,),
    **kernel_fn_train_train_kwargs: Any,
) -> PredictFn:
    """Infinitely many networks trained by gradient flow: :class:`overparam.predict.Ensemble`.

    ``predict_fn(t=None, x_test=None, get=None, compute_cov=False)`` gives the mean, or with ``compute_cov`` mean and covariance, for
    ``"nngp"`` (the last layer is trained), ``"ntk"`` (all layers), or a named tuple of both.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> _, _, kernel_fn = stax.serial(stax.Dense(512), stax.Erf(), stax.Dense(1))
    >>> x, y = np.eye(3), np.array([[1.0], [0.0], [-1.0]])
    >>> predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y)
    >>> mean, covariance = predict_fn(x_test=np.ones((2, 3)), get="ntk", compute_cov=True)
    >>> mean.shape, covariance.shape
    ((2, 1), (2, 2))
    """
    targets = Targets(y_train, trace_axes)
    targets.only_traced("gradient_descent_mse_ensemble")
    x = np.array(x_train)
    cache: dict[str, Any] = {}

    def train_kernels(kinds: tuple[str, ...]) -> dict[str, Any]:
        missing = tuple(kind for kind in kinds if kind not in cache)
        if missing:
            cache.update(kernel_fn(x, None, missing, **kernel_fn_train_train_kwargs)._asdict())
        return cache

    def dynamics(kind: str) -> Dynamics:
        name = f"dynamics {kind}"
        if name not in cache:
            cache[name] = Dynamics(cache[kind], targets.y, ridge=diag_reg, relative=not diag_reg_absolute_scale)
        return cache[name]  # type: ignore[no-any-return]

    def predict_fn(
        t: Optional[npt.ArrayLike] = None,
        x_test: Optional[npt.ArrayLike] = None,
        get: Get = None,
        compute_cov: bool = False,
        **kernel_fn_test_test_kwargs: Any,
    ) -> Any:
        kinds = kinds_of(get)
        needed = ("nngp", "ntk") if compute_cov and "ntk" in kinds else kinds
        train = train_kernels(needed)
        keywords = kernel_fn_train_train_kwargs | kernel_fn_test_test_kwargs
        cross = None if x_test is None else kernel_fn(x_test, x, needed, **keywords)
        test = kernel_fn(x_test, None, "nngp", **keywords) if compute_cov and x_test is not None else None
        found = {}
        for kind in kinds:
            solved = dynamics(kind)
            prior = train.get("nngp")
            if kind == "nngp" and prior is not None and diag_reg:  # the posterior, for which noise is part of the prior
                prior = np.asarray(prior, dtype=np.float64) + solved._core.ridge() * np.eye(len(prior))

            def run(time: float) -> list[Array]:
                when = {"time": time, "learning_rate": learning_rate}
                if cross is None:
                    if t is None:
                        mean = targets.whole.copy()
                        return [mean, np.zeros((len(mean), len(mean)))] if compute_cov else [mean]
                    if not compute_cov:
                        return [targets.out(solved.train(**when))]  # type: ignore[arg-type]
                    pair = solved._core.ensemble_on_training(_when(time, None, learning_rate, 0.0), matrix("nngp", prior))
                    return [targets.out(pair[0]), pair[1]]
                own = getattr(cross, kind)
                if not compute_cov:
                    return [targets.out(solved.test(own, **when))]  # type: ignore[arg-type]
                gaussian = solved.ensemble(own, (prior, cross.nngp, test), **when)  # type: ignore[arg-type]
                return [targets.out(gaussian.mean), gaussian.covariance]

            parts = run(math.inf) if t is None else _at_times(t, run)
            found[kind] = Gaussian(*parts) if compute_cov else parts[0]
        return picked("Gaussians", get, found)

    return predict_fn


def max_learning_rate(
    ntk_train_train: npt.ArrayLike, y_train_size: Optional[int] = None, momentum: float = 0.0, eps: float = 1e-12
) -> float:
    """``2 (1 + momentum) n c / lambda_max``: :meth:`overparam.predict.Dynamics.max_learning_rate`.

    ``y_train_size`` is ``n c``, the number of all targets; without it there is one output per row of the kernel.

    >>> import numpy as np
    >>> from overparam import nt
    >>> round(nt.predict.max_learning_rate(np.diag([4.0, 1.0]), y_train_size=2), 6)
    1.0
    """
    kernel = number_array("ntk_train_train", ntk_train_train, np.float64)
    if kernel.ndim == 4:
        n, m, c, d = kernel.shape
        kernel = kernel.transpose(0, 2, 1, 3).reshape(n * c, m * d)
    kernel = matrix("ntk_train_train", kernel)
    largest = float(Dynamics(kernel, np.zeros(len(kernel))).eigenvalues[-1])
    size = len(kernel) if y_train_size is None else y_train_size
    return 2 * (1 + momentum) * size / (largest + eps)


def _squared_loss_factor(loss: Callable[[Any, Any], Any], y: Array) -> float:
    """The number that ``loss`` has before ``mean((fx - y)^2) / 2``."""
    rng = np.random.default_rng(0)
    ratios = []
    for scale in (0.5, 1.0, 3.0):
        fx = y + scale * rng.standard_normal(y.shape)
        ratios.append(float(loss(fx, y)) / (0.5 * float(np.mean(np.square(fx - y)))))
    # JAX computes in single precision by default.
    if not (np.isfinite(ratios).all() and ratios[0] > 0.0 and np.allclose(ratios, ratios[0], rtol=1e-5)):
        raise NotImplementedError("gradient_descent: only a multiple of the squared loss has a closed form; other losses are not supported.")
    factor = float(np.mean(ratios))
    return float(round(factor)) if math.isclose(factor, round(factor), rel_tol=1e-6) else factor


def _kernel_of(name: str, kernel: Any, kind: str) -> Any:
    """A kernel of one kind, from an array or a named tuple."""
    if not isinstance(kernel, tuple):
        return kernel
    if getattr(kernel, kind, None) is None:
        raise ValueError(f"{name}: expected a named tuple with {kind}, got {', '.join(getattr(kernel, '_fields', ()))}.")
    return getattr(kernel, kind)


def _at_times(t: npt.ArrayLike, run: Callable[[float], list[Array]]) -> list[Array]:
    """Results at each time, whose axes come first."""
    times = number_array("t", t, np.float64)
    found = [run(float(time)) for time in times.ravel()]
    return [np.stack(parts).reshape(*times.shape, *parts[0].shape) for parts in zip(*found)]


def _one_or_both(found: list[Array]) -> Any:
    return found[0] if len(found) == 1 else tuple(found)
