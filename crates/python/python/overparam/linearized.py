"""Linearised networks in high dimension: double descent, and which degrees of a target are learned.

Inputs are uniform on the sphere of radius ``sqrt(d)``. Activations are named ``"relu"``, ``"relu-0.5"`` (``max(x - 0.5, 0)``, any shift),
``"step"``, ``"tanh"``, ``"erf"`` or ``"quadratic"`` (``x^2 - 1``). Energies are squared norms ``E f^2``; risks leave out the noise of the
test label.

>>> import overparam as op
>>> peak = op.linearized.random_features(3.0, 3.0, 1e-8)
>>> beyond = op.linearized.random_features(90.0, 3.0, 1e-8)
>>> bool(peak.risk > 100 * beyond.risk)  # double descent
True
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Sequence

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Array, numbers, whole

__all__ = ["RandomFeatures", "Regression", "Spectrum", "hermite", "optimal_ridge", "random_features", "regression", "spectrum"]


class RandomFeatures(NamedTuple):
    """Random-features ridge regression in the proportional limit; numbers, or arrays of one shape."""

    #: ``E (f - f_d)^2``; infinite where features and samples are as many and there is no ridge.
    risk: Any
    #: What is left of a linear signal of energy one.
    bias: Any
    #: What a unit of noise adds to the risk.
    variance: Any
    #: Mean squared error on the training set.
    training_error: Any
    #: ``(N / d) ||a||^2`` of the coefficients.
    norm_squared: Any


def random_features(
    psi1: npt.ArrayLike,
    psi2: npt.ArrayLike,
    ridge: npt.ArrayLike = 0.0,
    *,
    activation: str = "relu",
    linear: float = 1.0,
    nonlinear: float = 0.0,
    noise: float = 0.0,
) -> RandomFeatures:
    """Test error of random-features ridge regression as ``N, n, d`` grow in proportion (Mei and Montanari 2022, theorems 2 to 5).

    ``f(x) = sum_a a_a s(<theta_a, x> / sqrt(d))`` with ``N`` random directions is fitted to ``n`` samples of
    ``y = <beta, x> + f_NL(x) + eps`` with the ridge ``lambda (N / d) ||a||^2``. Without ridge, the risk has a peak at ``N = n`` and
    falls beyond: double descent.

    Parameters
    ----------
    psi1, psi2
        Features and samples per dimension, ``N / d`` and ``n / d``; either may be infinite.
    ridge
        ``lambda``; zero is the interpolator of least norm, or least squares.
    activation
        The name of ``s``.
    linear, nonlinear, noise
        Energies of the linear part ``||beta||^2``, of what is nonlinear ``E f_NL^2``, and of the noise.

    ``psi1``, ``psi2`` and ``ridge`` are broadcast against one another.

    >>> import numpy as np, overparam as op
    >>> curve = op.linearized.random_features(np.array([1.0, 3.0, 30.0]), 3.0, 1e-6, noise=0.1)
    >>> curve.risk.shape, int(curve.risk.argmax())
    ((3,), 1)
    """
    names = ("psi1", "psi2", "ridge")
    points = np.broadcast_arrays(*(numbers(name, given) for name, given in zip(names, (psi1, psi2, ridge))))
    shape = points[0].shape
    rows = list(zip(*(array.ravel().tolist() for array in points)))
    found = np.array(_core.random_features(rows, activation, (float(linear), float(nonlinear), float(noise))))
    columns = found.reshape(-1, 5).T
    return RandomFeatures(*(column.reshape(shape)[()] for column in columns))


def optimal_ridge(
    psi1: float,
    psi2: float,
    *,
    activation: str = "relu",
    linear: float = 1.0,
    nonlinear: float = 0.0,
    noise: float = 0.0,
) -> tuple[float, float]:
    """The ridge of least risk in the limit of :func:`random_features`, and that risk.

    Zero if the limit without ridge is the best. Parameters are those of :func:`random_features`.

    >>> import overparam as op
    >>> ridge, risk = op.linearized.optimal_ridge(3.0, 3.0, noise=0.2)
    >>> bool(op.linearized.random_features(3.0, 3.0, 2 * ridge, noise=0.2).risk > risk)
    True
    """
    parts = (float(linear), float(nonlinear), float(noise))
    return _core.optimal_ridge(float(psi1), float(psi2), activation, parts)


def hermite(activation: str, degree: int) -> Array:
    """Hermite coefficients ``c_k = E s(G) He_k(G) / sqrt(k!)`` of an activation, ``k = 0 .. degree``.

    >>> import overparam as op
    >>> op.linearized.hermite("relu", 2).round(4)
    array([0.3989, 0.5   , 0.2821])
    """
    return np.array(_core.hermite_coefficients(activation, whole("degree", degree)))


class Spectrum(NamedTuple):
    """Eigenvalues of a kernel on the sphere, degree by degree."""

    #: From degree 0.
    eigenvalues: Array
    #: How many harmonics there are of each degree.
    multiplicities: Array
    #: The trace beyond the last degree, which acts as a ridge.
    tail: float


def spectrum(kernel: str, dimension: int, degree: int = 10) -> Spectrum:
    """Eigenvalues of a rotation-invariant kernel on the sphere in ``dimension`` dimensions.

    Parameters
    ----------
    kernel
        The name of an activation: the kernel of its random features. ``"tangent:relu"`` and the like: that of its first-layer tangent
        features. ``"ntk"``: that of both layers of a ReLU network.
    dimension
        ``d``, at least 2.
    degree
        The last degree.

    >>> import overparam as op
    >>> found = op.linearized.spectrum("relu", 20, 4)
    >>> bool(found.eigenvalues[1] > found.eigenvalues[2] > found.eigenvalues[4])
    True
    """
    values, counts, tail = _core.spectrum(kernel, whole("dimension", dimension, 2), whole("degree", degree))
    return Spectrum(np.array(values), np.array(counts), tail)


class Regression(NamedTuple):
    """Regression at finite size."""

    #: ``E (f - f_d)^2``.
    risk: float
    #: Mean squared error on the training set.
    training_error: float
    #: Eigenvalues above it are learned.
    threshold: float
    #: How much of each degree is learned, from 0 to 1.
    learnabilities: Array


def regression(
    kernel: str,
    dimension: int,
    energies: Sequence[float],
    *,
    samples: float = math.inf,
    features: float = math.inf,
    ridge: float = 0.0,
    noise: float = 0.0,
    degree: int = 30,
) -> Regression:
    """Risk of kernel, random-features or tangent regression at finite size: which degrees of a target are learned.

    With ``n ~ d^l`` samples a kernel learns the part of a target of degree at most ``l`` and nothing else; so do ``N ~ d^l`` random
    features (Ghorbani, Mei, Misiakiewicz and Montanari 2021). The whole curve is that of a deterministic equivalent (Simon et al. 2024;
    Defilippis, Loureiro and Misiakiewicz 2024).

    Parameters
    ----------
    kernel, dimension
        As of :func:`spectrum`.
    energies
        Of the target in degrees 0, 1, 2, ...
    samples, features
        ``n`` and ``N``; infinite is the whole population, or kernel regression. Tangent features of ``N`` neurons count as ``N d``.
    ridge
        In ``(1/n) sum (y - f)^2 + ridge ||f||^2``.
    noise
        Variance of the label noise.
    degree
        To which the kernel is followed; what is beyond acts as a ridge.

    >>> import overparam as op
    >>> few = op.linearized.regression("relu-0.5", 100, [0.0, 0.5, 0.5], samples=1_000)
    >>> bool(few.learnabilities[1] > 0.9 and few.learnabilities[2] < 0.3)
    True
    """
    rows = [float(energy) for energy in energies]
    last = whole("degree", degree)
    if len(rows) > last + 1:
        raise ValueError(f"energies: there are {len(rows)} degrees, but the kernel is followed to degree {last}")
    if math.isinf(samples) and math.isinf(features) and ridge == 0.0:
        raise ValueError("samples, features: with infinitely many of both and no ridge nothing is left; give one of them")
    sizes = (float(samples), float(features), float(ridge))
    risk, error, threshold, learned = _core.regression(
        kernel, whole("dimension", dimension, 2), last, rows, float(noise), sizes
    )
    return Regression(risk, error, threshold, np.array(learned))
