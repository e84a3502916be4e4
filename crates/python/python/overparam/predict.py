"""What wide networks do when trained, in closed form: functions of kernels, or of a network and data.

On ``n`` examples with ``c`` outputs and squared loss ``||f - y||^2 / (2 n c)``, gradient descent on an infinitely wide network moves its
outputs by the constant tangent kernel ``Theta`` (Jacot et al. 2018; Lee et al. 2019)::

    df/dt      = -eta Theta (f - y) / (n c)
    f_train(t) = y + rho(Theta) (f_train(0) - y)
    f_test(t)  = f_test(0) + Theta_td Theta^-1 (1 - rho(Theta)) (y - f_train(0))

where ``rho`` is what training has left of a mode: ``exp(-eta t lambda / (n c))`` by gradient flow, ``(1 - eta lambda / (n c))^steps`` by
descent. One decomposition answers every time.

Everything here is in double precision. Targets are ``n x c``, or ``n`` numbers for one output; results then are one-dimensional too.

Every function of time takes these arguments:

``time``
    For how long gradient flow runs; ``inf``, the default, is to the end.
``steps``
    How many steps gradient descent takes; it replaces ``time``.
``learning_rate``
    ``eta``; one by default.
``momentum``
    Heavy-ball momentum, in ``[0, 1)``. With ``time``, its continuous limit, in which one unit of time is ``1 / sqrt(learning_rate)`` steps.

>>> import numpy as np, overparam as op
>>> net = op.serial(op.Dense(512, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))
>>> x, y = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), np.array([1.0, 0.0, -1.0])
>>> trained = op.predict.Ensemble(net, x, y)
>>> mean, covariance = trained.predict([[0.5, 0.5]])
>>> mean.round(3), covariance.shape
(array([0.514]), (1, 1))
"""

from __future__ import annotations

import math
import operator
from typing import Any, Iterable, Literal, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._architecture import Architecture
from ._arrays import Array, columns, matrix

__all__ = ["Dynamics", "Ensemble", "Gaussian", "KernelRidge", "RidgeFit", "log_evidence", "posterior"]


class Gaussian(NamedTuple):
    """Mean ``m x c`` (or ``m`` numbers) and covariance ``m x m``, the same for each output."""

    mean: Array
    covariance: Array

    @property
    def std(self) -> Array:
        """The standard deviation of each output, ``m`` numbers."""
        variances: Array = np.maximum(np.diagonal(self.covariance), 0.0)
        deviations: Array = np.sqrt(variances)
        return deviations


_When = tuple[float, Optional[int], float, float]


def _when(time: float, steps: Optional[int], learning_rate: float, momentum: float) -> _When:
    """How long training goes on, as the Rust half has it."""
    if steps is not None:
        if time != math.inf:
            raise ValueError(f"time = {time!r} and steps = {steps!r}: expected one of them")
        count = operator.index(steps)
        if not 0 <= count < 2**63:
            raise ValueError(f"steps = {steps!r}: expected an integer >= 0")
        return math.inf, count, float(learning_rate), float(momentum)
    return float(time), None, float(learning_rate), float(momentum)


class Dynamics:
    """Training on squared loss with a fixed kernel, which is decomposed once.

    Parameters
    ----------
    kernel
        The training kernel ``n x n``, of which the lower triangle is read.
    y
        Targets ``n x c``, or ``n`` numbers.
    ridge
        Added to the diagonal of the kernel.
    relative
        Whether ``ridge`` is in units of the mean of the diagonal.

    >>> import numpy as np, overparam as op
    >>> dynamics = op.predict.Dynamics([[2.0, 0.5], [0.5, 1.0]], [1.0, -1.0])
    >>> dynamics.train()
    array([ 1., -1.])
    >>> dynamics.train(steps=100, learning_rate=0.5).round(3)
    array([ 1., -1.])
    >>> round(dynamics.max_learning_rate(), 3)
    1.812
    """

    def __init__(
        self, kernel: npt.ArrayLike, y: npt.ArrayLike, *, ridge: float = 0.0, relative: bool = False
    ) -> None:
        self._kernel = matrix("kernel", kernel)
        self._y, self._flat = columns("y", y)
        self._ridge = (float(ridge), bool(relative))
        self._core = _core.Dynamics(self._kernel, self._y, *self._ridge)

    def __reduce__(self) -> tuple[Any, ...]:
        return _dynamics, (self._kernel, self._y[:, 0] if self._flat else self._y, *self._ridge)

    def __repr__(self) -> str:
        n, c = self._y.shape
        return f"Dynamics({n} examples, {c} outputs, ridge={self._core.ridge()!r})"

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the kernel with the ridge, ascending."""
        return np.asarray(self._core.eigenvalues())

    @property
    def rank(self) -> int:
        """The number of modes that training learns in the end; below ``n`` the kernel is singular."""
        return self._core.rank()

    def max_learning_rate(self, momentum: float = 0.0) -> float:
        """The largest stable learning rate of descent, ``2 (1 + momentum) n c / lambda_max``."""
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"momentum = {momentum!r}: expected a number in [0, 1)")
        return self._core.max_learning_rate(float(momentum))

    def least_loss(self, start: Optional[npt.ArrayLike] = None) -> float:
        """The loss that training from outputs ``start`` (zero) cannot go below, because the kernel is singular."""
        return self._core.least_loss(self._start("start", start))

    def train(
        self,
        *,
        time: float = math.inf,
        steps: Optional[int] = None,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
        start: Optional[npt.ArrayLike] = None,
    ) -> Array:
        """Outputs on the training inputs. With a ridge, those that descent on the regularised kernel gives.

        ``start`` are the outputs before training, zero by default.
        """
        when = _when(time, steps, learning_rate, momentum)
        return self._out(self._core.train(when, self._start("start", start)))

    def test(
        self,
        kernel: npt.ArrayLike,
        *,
        time: float = math.inf,
        steps: Optional[int] = None,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
        start: Optional[npt.ArrayLike] = None,
        test_start: Optional[npt.ArrayLike] = None,
    ) -> Array:
        """Outputs on ``m`` other inputs, given the kernel between them and the training inputs, ``m x n``.

        ``start`` and ``test_start`` are the outputs before training on both, zero by default.

        >>> import overparam as op
        >>> dynamics = op.predict.Dynamics([[2.0, 0.5], [0.5, 1.0]], [1.0, -1.0])
        >>> dynamics.test([[0.5, 0.5]]).round(3)
        array([-0.286])
        """
        cross = matrix("kernel", kernel)
        before = (self._start("start", start), self._start("test_start", test_start, cross.shape[0]))
        return self._out(self._core.test(_when(time, steps, learning_rate, momentum), cross, before))

    def ensemble(
        self,
        kernel: npt.ArrayLike,
        nngp: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
        *,
        time: float = math.inf,
        steps: Optional[int] = None,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
    ) -> Gaussian:
        """Mean and covariance of the outputs on other inputs over random initialisations (Lee et al. 2019, equations 13 and 14).

        With ``A = Theta_td Theta^-1 (1 - rho(Theta))``, the mean is ``A y`` and the covariance
        ``K_tt + A K_dd A^T - (A K_dt + K_td A^T)``.

        Parameters
        ----------
        kernel
            Between the other inputs and the training inputs, ``m x n``.
        nngp
            The NNGP kernels: training ``n x n``, test with training ``m x n``, test ``m x m``.
        time, steps, learning_rate, momentum
            How long training goes on.

        >>> import overparam as op
        >>> dynamics = op.predict.Dynamics([[2.0]], [1.0])
        >>> mean, covariance = dynamics.ensemble([[2.0]], ([[1.0]], [[1.0]], [[1.0]]))
        >>> mean, covariance  # an input that was trained on: no doubt is left
        (array([1.]), array([[0.]]))
        """
        prior = _prior(nngp)
        when = _when(time, steps, learning_rate, momentum)
        mean, covariance = self._core.ensemble(when, matrix("kernel", kernel), prior)
        return Gaussian(self._out(mean), covariance)

    def _start(self, name: str, start: Optional[npt.ArrayLike], rows: Optional[int] = None) -> Array:
        n, c = self._y.shape
        if start is None:
            return np.zeros((n if rows is None else rows, c))
        return columns(name, start)[0]

    def _out(self, outputs: Array) -> Array:
        return outputs[:, 0] if self._flat else outputs


def _dynamics(kernel: Array, y: Array, ridge: float, relative: bool) -> Dynamics:
    return Dynamics(kernel, y, ridge=ridge, relative=relative)


def _prior(nngp: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]) -> tuple[Array, Array, Array]:
    if len(nngp) != 3:
        raise ValueError(f"nngp: expected three kernels (train, test with train, test), got {len(nngp)}")
    dd, td, tt = nngp
    return matrix("nngp[0]", dd), matrix("nngp[1]", td), matrix("nngp[2]", tt)


class Ensemble:
    """Infinitely wide networks trained on some examples, over random initialisations.

    Parameters
    ----------
    net
        The network.
    x, y
        Inputs as of :meth:`overparam.Architecture.kernel`, and targets ``n x c`` or ``n`` numbers.
    kind
        ``"ntk"``: all layers are trained. ``"nngp"``: the last layer only.
    ridge, relative
        Added to the diagonal of the kernel that trains, in units of the mean of the diagonal if ``relative``.
    progress
        Whether to show a bar while the kernels are computed, if tqdm is installed.

    >>> import numpy as np, overparam as op
    >>> net = op.serial(op.Dense(512), op.Erf(), op.Dense(1))
    >>> ensemble = op.predict.Ensemble(net, np.eye(3), [1.0, 0.0, -1.0])
    >>> ensemble.mean(np.eye(3)).round(6)
    array([ 1.,  0., -1.])
    >>> bool(ensemble.predict([[2.0, 0.0, 0.0]], time=10.0).std[0] > 0.0)
    True
    """

    def __init__(
        self,
        net: Architecture,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        kind: Literal["ntk", "nngp"] = "ntk",
        ridge: float = 0.0,
        relative: bool = False,
        progress: bool = False,
    ) -> None:
        if kind not in ("ntk", "nngp"):
            raise ValueError(f"kind = {kind!r}: expected 'ntk' or 'nngp'")
        self.net = net
        self.kind = kind
        self._progress = progress
        # Not a view: what is changed outside afterwards must not change the answers.
        self._x = np.array(x)
        kernels = net.kernel(self._x, kind=("nngp", "ntk"), progress=progress)
        self._nngp = kernels.nngp
        self.dynamics = Dynamics(kernels.ntk if kind == "ntk" else kernels.nngp, y, ridge=ridge, relative=relative)

    def __repr__(self) -> str:
        n, c = self.dynamics._y.shape
        return f"Ensemble({self.net!r}, {n} examples, {c} outputs, kind={self.kind!r})"

    def mean(
        self,
        x: npt.ArrayLike,
        *,
        time: float = math.inf,
        steps: Optional[int] = None,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
    ) -> Array:
        """Mean outputs on other inputs."""
        cross = self.net.kernel(x, self._x, kind=self.kind, progress=self._progress)
        return self.dynamics.test(
            cross, time=time, steps=steps, learning_rate=learning_rate, momentum=momentum
        )

    def predict(
        self,
        x: npt.ArrayLike,
        *,
        time: float = math.inf,
        steps: Optional[int] = None,
        learning_rate: float = 1.0,
        momentum: float = 0.0,
    ) -> Gaussian:
        """Mean and covariance of the outputs on other inputs; see :meth:`Dynamics.ensemble`."""
        cross, own = self._test_kernels(x)
        return self.dynamics.ensemble(
            cross.ntk if self.kind == "ntk" else cross.nngp,
            (self._nngp, cross.nngp, own),
            time=time,
            steps=steps,
            learning_rate=learning_rate,
            momentum=momentum,
        )

    def posterior(self, x: npt.ArrayLike, *, noise: float = 0.0, relative: bool = False) -> Gaussian:
        """The Bayesian posterior on other inputs with noise of this variance on the targets; see :func:`posterior`."""
        cross, own = self._test_kernels(x)
        y = self.dynamics._y
        found = posterior((self._nngp, cross.nngp, own), y, noise=noise, relative=relative)
        return Gaussian(self.dynamics._out(found.mean), found.covariance)

    def log_evidence(self, *, noise: float = 0.0, relative: bool = False) -> float:
        """The log marginal likelihood of the targets; see :func:`log_evidence`."""
        return log_evidence(self._nngp, self.dynamics._y, noise=noise, relative=relative)

    def _test_kernels(self, x: npt.ArrayLike) -> tuple[Any, Array]:
        cross = self.net.kernel(x, self._x, kind=("nngp", "ntk"), progress=self._progress)
        return cross, self.net.kernel(x, kind="nngp", progress=self._progress)


def posterior(
    nngp: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    y: npt.ArrayLike,
    *,
    noise: float = 0.0,
    relative: bool = False,
) -> Gaussian:
    """The posterior of a Gaussian process with covariance ``K`` and noise ``s`` on the targets.

    The mean is ``K_td (K_dd + s)^-1 y``, the covariance ``K_tt - K_td (K_dd + s)^-1 K_dt``. With the NNGP kernel this is the Bayesian
    posterior of the infinitely wide network (Neal 1996; Lee et al. 2018).

    Parameters
    ----------
    nngp
        The covariances: training ``n x n``, test with training ``m x n``, test ``m x m``.
    y
        Targets ``n x c``, or ``n`` numbers.
    noise, relative
        Variance of the noise, in units of the mean of the diagonal if ``relative``.

    >>> import overparam as op
    >>> op.predict.posterior(([[1.0]], [[0.5]], [[1.0]]), [2.0], noise=1.0)
    Gaussian(mean=array([0.5]), covariance=array([[0.875]]))
    """
    targets, flat = columns("y", y)
    mean, covariance = _core.posterior(_prior(nngp), targets, float(noise), bool(relative))
    return Gaussian(mean[:, 0] if flat else mean, covariance)


def log_evidence(kernel: npt.ArrayLike, y: npt.ArrayLike, *, noise: float = 0.0, relative: bool = False) -> float:
    """The log marginal likelihood of a Gaussian process, summed over the outputs.

    ``-(y^T (K + s)^-1 y + log det(K + s) + n log 2 pi) / 2`` for each output.

    Parameters
    ----------
    kernel
        Covariance of the training inputs, ``n x n``.
    y
        Targets ``n x c``, or ``n`` numbers.
    noise, relative
        Variance ``s`` of the noise, in units of the mean of the diagonal if ``relative``.

    >>> import overparam as op
    >>> round(op.predict.log_evidence([[1.0]], [0.0]), 6)  # -log(2 pi) / 2
    -0.918939
    """
    return _core.log_evidence(matrix("kernel", kernel), columns("y", y)[0], float(noise), bool(relative))


class RidgeFit(NamedTuple):
    """Kernel ridge regression at one ridge."""

    ridge: float
    #: Dual coefficients ``n x c``: predictions are ``kernel(test, train) @ coefficients``.
    coefficients: Array
    #: ``y_i - f_(-i)(x_i)``, the error on each example of the fit without it.
    leave_one_out: Array
    #: ``tr K (K + ridge)^-1``.
    degrees_of_freedom: float

    @property
    def leave_one_out_error(self) -> float:
        """The mean squared leave-one-out error."""
        return float(np.mean(np.square(self.leave_one_out)))


class KernelRidge:
    """Kernel ridge regression, ``argmin ||f - y||^2 + ridge ||f||_H^2``: any number of ridges from one decomposition.

    Leave-one-out is exact and costs nothing: ``y_i - f_(-i)(x_i) = alpha_i / [(K + ridge)^-1]_ii`` (Wahba 1990).

    Parameters
    ----------
    kernel
        The training kernel ``n x n``.
    y
        Targets ``n x c``, or ``n`` numbers.

    >>> import numpy as np, overparam as op
    >>> regression = op.predict.KernelRidge([[2.0, 0.5], [0.5, 1.0]], [1.0, -1.0])
    >>> fit = regression.fit(0.1)
    >>> (np.array([[0.5, 0.5]]) @ fit.coefficients).round(3)
    array([-0.243])
    >>> [path.ridge for path in regression.path([0.01, 0.1, 1.0])]
    [0.01, 0.1, 1.0]
    >>> regression.best([0.01, 0.1, 1.0]).ridge
    1.0
    """

    def __init__(self, kernel: npt.ArrayLike, y: npt.ArrayLike) -> None:
        self._kernel = matrix("kernel", kernel)
        self._y, self._flat = columns("y", y)
        self._core = _core.KernelRidge(self._kernel, self._y)

    def __reduce__(self) -> tuple[Any, ...]:
        return KernelRidge, (self._kernel, self._y[:, 0] if self._flat else self._y)

    def fit(self, ridge: float) -> RidgeFit:
        """The fit at one ridge; zero is allowed while the kernel is positive definite."""
        coefficients, left_out, degrees = self._core.fit(float(ridge))
        if self._flat:
            coefficients, left_out = coefficients[:, 0], left_out[:, 0]
        return RidgeFit(float(ridge), coefficients, left_out, degrees)

    def path(self, ridges: Iterable[Union[float, np.floating[Any]]]) -> list[RidgeFit]:
        """The fits at several ridges."""
        return [self.fit(float(ridge)) for ridge in ridges]

    def best(self, ridges: Iterable[Union[float, np.floating[Any]]]) -> RidgeFit:
        """The fit with the least mean squared leave-one-out error."""
        fits = self.path(ridges)
        if not fits:
            raise ValueError("ridges: expected at least one number")
        return min(fits, key=lambda fit: fit.leave_one_out_error)
