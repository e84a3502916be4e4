"""Infinitely wide networks as scikit-learn estimators.

==========================  =========================================================================================
:class:`NTKRegressor`       the mean prediction of infinitely wide networks trained by gradient descent
:class:`NTKClassifier`      the same, on one column of targets per class
:class:`NNGPRegressor`      the Bayesian posterior of an infinitely wide network, with its standard deviation
==========================  =========================================================================================

They follow scikit-learn's contract: they can be cloned, pickled, searched over and put into pipelines. The module needs
scikit-learn 1.6 or later; ``import overparam`` alone does not load it.

>>> from sklearn.datasets import load_wine
>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from overparam.sklearn import NTKClassifier
>>> x, y = load_wine(return_X_y=True)
>>> model = make_pipeline(StandardScaler(), NTKClassifier())
>>> bool(cross_val_score(model, x, y, cv=4).mean() > 0.97)
True

**Scale the inputs.** A dense layer divides by the square root of the number of features: the first layer's covariance is
``w_std^2 x.x' / d + b_std^2``. Features of mean 0 and variance 1, as ``StandardScaler`` gives them, therefore have a
covariance near ``w_std^2`` whatever ``d`` is, and need no further scaling. Features on other scales enter by their size.

**The ridge** is the number added to the diagonal of the kernel. By default it is the one with the least squared
leave-one-out error over a grid, from ``1e-6`` to ``100`` times the mean of the diagonal. All of these errors come from one
decomposition of the kernel (:class:`overparam.predict.KernelRidge`), without refitting. A fit on ``n`` examples takes
``n^3`` operations and holds a few ``n x n`` matrices: up to about ten thousand examples on a laptop.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Iterator, Literal, Optional, Sequence, Union, overload

import numpy as np
import numpy.typing as npt

try:
    import scipy.linalg  # type: ignore[import-untyped, unused-ignore]
    from sklearn.base import (  # type: ignore[import-untyped, unused-ignore]
        BaseEstimator,
        ClassifierMixin,
        MultiOutputMixin,
        RegressorMixin,
    )
    from sklearn.utils.multiclass import check_classification_targets  # type: ignore[import-untyped, unused-ignore]
    from sklearn.utils.validation import (  # type: ignore[import-untyped, unused-ignore]
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ImportError as _error:
    raise ImportError(
        f"overparam.sklearn needs scikit-learn 1.6 or later: pip install 'scikit-learn>=1.6' ({_error})"
    ) from _error

from . import predict
from ._activations import Relu
from ._architecture import Architecture, serial
from ._arrays import Array
from ._layers import Dense

__all__ = ["NNGPRegressor", "NTKClassifier", "NTKRegressor"]

Kind = Literal["ntk", "nngp"]
Ridge = Union[Literal["loo"], float, Sequence[float]]

#: What ``ridge="loo"`` chooses from, in units of the mean of the kernel's diagonal.
_GRID = 10.0 ** np.linspace(-6.0, 2.0, 33)
#: Test inputs are taken so many at a time.
_BLOCK = 1024


def _relu_net(depth: Any, w_std: Any, b_std: Any) -> Architecture:
    try:
        count = operator.index(depth)
    except TypeError:
        raise TypeError(f"depth = {depth!r}: expected an integer >= 0, the number of hidden layers") from None
    if count < 0:
        raise ValueError(f"depth = {depth!r}: expected an integer >= 0, the number of hidden layers")
    hidden = [layer for _ in range(count) for layer in (Dense(512, w_std=w_std, b_std=b_std or None), Relu())]
    return serial(*hidden, Dense(1, w_std=w_std, b_std=b_std or None))


def _ridges(ridge: Any, scale: float) -> Array:
    """The ridges to choose from."""
    if isinstance(ridge, str):
        if ridge != "loo":
            raise ValueError(f"ridge = {ridge!r}: expected 'loo', a number >= 0 or several")
        return np.asarray(_GRID * scale)
    try:
        ridges = np.atleast_1d(np.asarray(ridge, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"ridge = {ridge!r}: expected 'loo', a number >= 0 or several") from None
    if ridges.ndim != 1 or ridges.size == 0 or not np.all(np.isfinite(ridges) & (ridges >= 0.0)):
        raise ValueError(f"ridge = {ridge!r}: expected 'loo', a number >= 0 or several")
    return ridges


class _KernelModel(BaseEstimator):  # type: ignore[misc, unused-ignore]
    """What the estimators share: a network's kernel, and kernel ridge regression with it."""

    net: Optional[Architecture]
    depth: int
    w_std: float
    b_std: float
    ridge: Ridge

    def _kind(self) -> Kind:
        return "nngp"

    def _fit_kernel(self, x: Array, y: Array) -> Array:
        """Chooses the ridge and fits; returns the training kernel."""
        kind = self._kind()
        if kind not in ("ntk", "nngp"):
            raise ValueError(f"kind = {kind!r}: expected 'ntk' or 'nngp'")
        if self.net is None:
            net = _relu_net(self.depth, self.w_std, self.b_std)
        elif isinstance(self.net, Architecture):
            net = self.net
        else:
            raise TypeError(f"net = {self.net!r}: expected an overparam.Architecture, as overparam.serial makes, or None")
        kernel = net.kernel(x, kind=kind)
        ridges = _ridges(self.ridge, float(np.mean(np.diag(kernel))) or 1.0)
        if ridges.size > 1 and len(x) < 2:
            raise ValueError("n_samples = 1: a ridge chosen by leave-one-out needs at least 2 samples; give ridge a number")
        regression = predict.KernelRidge(kernel, y)
        errors, best = [], None
        for ridge in ridges:
            fit = regression.fit(float(ridge))
            errors.append(fit.leave_one_out_error)
            if best is None or fit.leave_one_out_error < best.leave_one_out_error:
                best = fit
        assert best is not None
        self.net_ = net
        self.X_fit_ = x
        self.dual_coef_ = best.coefficients
        self.ridge_ = best.ridge
        self.ridges_ = ridges
        self.loo_errors_ = np.array(errors)
        self.loo_predictions_ = y - best.leave_one_out
        return kernel

    def _test_inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def _blocks(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """The kernel between blocks of inputs and the training inputs."""
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(x)))
            yield rows, self.net_.kernel(x[rows], self.X_fit_, kind=self._kind())

    def _outputs(self, x: Array) -> Array:
        return np.concatenate([kernel @ self.dual_coef_ for _, kernel in self._blocks(x)])


class _Regressor(MultiOutputMixin, RegressorMixin, _KernelModel):  # type: ignore[misc, unused-ignore]
    """Regression on centred and scaled targets."""

    normalize_y: bool

    def _fit_targets(self, X: Any, y: Any) -> Array:
        x, targets = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        # Not a view: what is changed outside afterwards must not change the answers.
        x, targets = np.array(x), np.array(targets, dtype=np.float64)
        self._flat = targets.ndim == 1
        columns = targets.reshape(len(targets), -1)
        self.y_mean_ = columns.mean(axis=0) if self.normalize_y else np.zeros(columns.shape[1])
        spread = columns.std(axis=0) if self.normalize_y else np.ones(columns.shape[1])
        # Targets that differ by rounding alone are constant.
        self.y_scale_ = np.where(spread > 1e-14 * np.abs(self.y_mean_), spread, 1.0)
        kernel = self._fit_kernel(x, (columns - self.y_mean_) / self.y_scale_)
        self.loo_predictions_ = self._in_units(self.loo_predictions_)
        return kernel

    def _in_units(self, outputs: Array) -> Array:
        found = outputs * self.y_scale_ + self.y_mean_
        return np.asarray(found[:, 0] if self._flat else found)


class NTKRegressor(_Regressor):
    """The mean prediction of infinitely wide networks that were trained by gradient descent (Jacot, Gabriel and Hongler 2018).

    This is kernel ridge regression with the network's neural tangent kernel: ``f(x) = Theta(x, X) (Theta(X, X) + ridge)^-1 y``.

    Parameters
    ----------
    net
        An :class:`overparam.Architecture` on vectors, or ``None`` for a fully connected ReLU network.
    depth, w_std, b_std
        The number of hidden layers of that network and the standard deviations of its weights (before they are divided by the
        square root of the number of inputs) and biases. Not used if ``net`` is given.
    ridge
        ``"loo"``: the one with the least leave-one-out error, from a grid that follows the kernel's scale. A number: this
        one, added to the diagonal of the kernel. Several numbers: the one among these with the least leave-one-out error.
    kind
        ``"ntk"``: all layers are trained. ``"nngp"``: the last layer only.
    normalize_y
        Whether targets are centred and divided by their standard deviation before the fit. The average of infinitely wide
        networks before training is zero, so that targets far from zero are otherwise fitted badly. Mean and standard deviation
        are taken once, from all targets; leave-one-out does not take them again.

    Attributes
    ----------
    net_
        The network.
    ridge_
        The ridge, as added to the diagonal of the kernel.
    ridges_, loo_errors_
        The ridges that were compared, and the mean squared leave-one-out error of each (on the targets as normalised).
    loo_predictions_
        For each training example, the prediction of the fit without it, at the chosen ridge.
    dual_coef_, X_fit_
        Coefficients, one column per target, and the inputs that they belong to.
    y_mean_, y_scale_
        What was subtracted from each target, and what it was divided by.
    n_features_in_, feature_names_in_
        As scikit-learn has them.

    >>> import numpy as np
    >>> from overparam.sklearn import NTKRegressor
    >>> x = np.linspace(-2.0, 2.0, 41)[:, None]
    >>> model = NTKRegressor(depth=2, b_std=0.5).fit(x, np.sin(2.0 * x[:, 0]))
    >>> bool(abs(model.predict([[0.52]])[0] - np.sin(1.04)) < 0.01)
    True

    Ridges are compared like other parameters, or by leave-one-out:

    >>> model = NTKRegressor(ridge=[0.01, 0.1, 1.0]).fit(x, np.sin(2.0 * x[:, 0]))
    >>> model.ridge_
    0.01
    """

    def __init__(
        self,
        net: Optional[Architecture] = None,
        *,
        depth: int = 2,
        w_std: float = math.sqrt(2.0),
        b_std: float = 0.1,
        ridge: Ridge = "loo",
        kind: Kind = "ntk",
        normalize_y: bool = True,
    ) -> None:
        self.net = net
        self.depth = depth
        self.w_std = w_std
        self.b_std = b_std
        self.ridge = ridge
        self.kind = kind
        self.normalize_y = normalize_y

    def _kind(self) -> Kind:
        return self.kind

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> NTKRegressor:
        """Fits to inputs ``n x d`` and ``n`` targets, or ``n x c`` for several."""
        self._fit_targets(X, y)
        return self

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predictions, of the shape of the targets."""
        return self._in_units(self._outputs(self._test_inputs(X)))


class NNGPRegressor(_Regressor):
    """The Bayesian posterior of an infinitely wide network with noise on the targets (Neal 1996; Lee et al. 2018).

    Before data, the network is a Gaussian process with covariance ``K``, the NNGP kernel. After data its mean is
    ``K_td (K_dd + ridge)^-1 y`` and its variance the diagonal of ``K_tt - K_td (K_dd + ridge)^-1 K_dt``.

    Parameters
    ----------
    net, depth, w_std, b_std, normalize_y
        As of :class:`NTKRegressor`.
    ridge
        The variance of the noise, on the targets as normalised; ``"loo"`` or several numbers as of :class:`NTKRegressor`.

    Attributes
    ----------
    net_, ridge_, ridges_, loo_errors_, loo_predictions_, dual_coef_, X_fit_, y_mean_, y_scale_, n_features_in_, feature_names_in_
        As of :class:`NTKRegressor`.

    Notes
    -----
    The standard deviation is that of the function, without the noise: that of a new measurement is
    ``sqrt(std**2 + model.ridge_ * model.y_scale_**2)``. It depends on the prior's scale, which ``w_std`` sets and which is not
    fitted; leave-one-out chooses the noise for the best mean.

    >>> import numpy as np
    >>> from overparam.sklearn import NNGPRegressor
    >>> x = np.linspace(-2.0, 2.0, 21)[:, None]
    >>> model = NNGPRegressor(b_std=0.5, ridge=1e-3).fit(x, np.cos(x[:, 0]))
    >>> mean, std = model.predict([[0.0], [4.0]], return_std=True)
    >>> bool(std[0] < 0.1 < std[1])  # less certain where there are no data
    True
    """

    def __init__(
        self,
        net: Optional[Architecture] = None,
        *,
        depth: int = 2,
        w_std: float = math.sqrt(2.0),
        b_std: float = 0.1,
        ridge: Ridge = "loo",
        normalize_y: bool = True,
    ) -> None:
        self.net = net
        self.depth = depth
        self.w_std = w_std
        self.b_std = b_std
        self.ridge = ridge
        self.normalize_y = normalize_y

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> NNGPRegressor:
        """Fits to inputs ``n x d`` and ``n`` targets, or ``n x c`` for several."""
        kernel = self._fit_targets(X, y)
        # In place: the kernel is not needed any more.
        kernel[np.diag_indices_from(kernel)] += self.ridge_
        self._cholesky = scipy.linalg.cholesky(kernel, lower=True, overwrite_a=True)
        return self

    @overload
    def predict(self, X: npt.ArrayLike, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict(self, X: npt.ArrayLike, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict(self, X: npt.ArrayLike, return_std: bool = False) -> Union[Array, tuple[Array, Array]]:
        """The posterior mean and, if asked for, its standard deviation; both of the shape of the targets."""
        x = self._test_inputs(X)
        if not return_std:
            return self._in_units(self._outputs(x))
        outputs = np.empty((len(x), self.dual_coef_.shape[1]))
        variance = np.empty(len(x))
        for rows, kernel in self._blocks(x):
            outputs[rows] = kernel @ self.dual_coef_
            explained = scipy.linalg.solve_triangular(self._cholesky, kernel.T, lower=True)
            variance[rows] = np.diag(self.net_.kernel(x[rows], kind="nngp")) - np.sum(explained**2, axis=0)
        # Rounding may take a variance of zero below it.
        std = np.sqrt(np.maximum(variance, 0.0))[:, None] * self.y_scale_
        return self._in_units(outputs), np.asarray(std[:, 0] if self._flat else std)


class NTKClassifier(ClassifierMixin, _KernelModel):  # type: ignore[misc, unused-ignore]
    """Classification by infinitely wide networks, one output per class (Arora et al. 2020).

    Kernel ridge regression with the neural tangent kernel on targets ``1 - 1/classes`` for the class of an example and
    ``-1/classes`` for the others; the class with the largest output is predicted, the first of them if several are equal.

    Parameters
    ----------
    net, depth, w_std, b_std, ridge, kind
        As of :class:`NTKRegressor`.

    Attributes
    ----------
    classes_
        The classes, sorted.
    loo_predictions_
        For each training example, the outputs of the fit without it, one column per class.
    net_, ridge_, ridges_, loo_errors_, dual_coef_, X_fit_, n_features_in_, feature_names_in_
        As of :class:`NTKRegressor`.

    Notes
    -----
    The outputs are not probabilities: ``sklearn.calibration.CalibratedClassifierCV`` makes some of them.

    >>> import numpy as np
    >>> from overparam.sklearn import NTKClassifier
    >>> x = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    >>> model = NTKClassifier(ridge=1e-3).fit(x, ["same", "same", "other", "other"])
    >>> model.predict([[0.9, 1.1], [-1.1, 0.9]])
    array(['same', 'other'], dtype='<U5')
    """

    def __init__(
        self,
        net: Optional[Architecture] = None,
        *,
        depth: int = 2,
        w_std: float = math.sqrt(2.0),
        b_std: float = 0.1,
        ridge: Ridge = "loo",
        kind: Kind = "ntk",
    ) -> None:
        self.net = net
        self.depth = depth
        self.w_std = w_std
        self.b_std = b_std
        self.ridge = ridge
        self.kind = kind

    def _kind(self) -> Kind:
        return self.kind

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> NTKClassifier:
        """Fits to inputs ``n x d`` and ``n`` labels."""
        x, labels = validate_data(self, X, y, dtype=np.float64)
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        self.classes_, number = np.unique(labels, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"y: a classifier needs at least 2 classes, got 1 class ({self.classes_[0]!r})")
        self._fit_kernel(np.array(x), np.eye(count)[number] - 1.0 / count)
        return self

    def decision_function(self, X: npt.ArrayLike) -> Array:
        """The outputs, one column per class; for two classes, the second minus the first."""
        outputs = self._outputs(self._test_inputs(X))
        return np.asarray(outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs)

    def predict(self, X: npt.ArrayLike) -> Array:
        """The class with the largest output for each input."""
        outputs = self._outputs(self._test_inputs(X))
        return np.asarray(self.classes_[np.argmax(outputs, axis=1)])
