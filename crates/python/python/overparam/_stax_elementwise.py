"""The elementwise nonlinearities of neural-tangents, under its names."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

import numpy as np

from . import _activations as ours
from ._architecture import serial
from ._schema import Layer
from ._stax_layer import StaxLayer
from ._stax_steps import ScaledErf, Whole


def ABRelu(a: float, b: float, do_stabilize: bool = False) -> StaxLayer:
    """``a min(x, 0) + b max(x, 0)``: :class:`overparam.AbRelu`.

    ``do_stabilize`` changes nothing: no depth needs it here.

    >>> from overparam import stax
    >>> stax.ABRelu(0.2, 1.5)
    stax(AbRelu(a=0.2, b=1.5))
    """
    return _of(ours.AbRelu(a=a, b=b))


def Relu(do_stabilize: bool = False) -> StaxLayer:
    """``max(x, 0)``: :class:`overparam.Relu`.

    ``do_stabilize`` changes nothing: no depth needs it here.

    >>> from overparam import stax
    >>> stax.Relu()
    stax(Relu())
    """
    return _of(ours.Relu())


def LeakyRelu(alpha: float, do_stabilize: bool = False) -> StaxLayer:
    """``alpha min(x, 0) + max(x, 0)``: :class:`overparam.AbRelu`.

    ``do_stabilize`` changes nothing: no depth needs it here.

    >>> from overparam import stax
    >>> stax.LeakyRelu(0.1)
    stax(AbRelu(a=0.1))
    """
    return _of(ours.AbRelu(a=alpha, b=1.0))


def Abs(do_stabilize: bool = False) -> StaxLayer:
    """``|x|``: :class:`overparam.Abs`.

    ``do_stabilize`` changes nothing: no depth needs it here.

    >>> from overparam import stax
    >>> stax.Abs()
    stax(Abs())
    """
    return _of(ours.Abs())


def Erf(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> StaxLayer:
    """``a erf(b x) + c``: :class:`overparam.Erf`.

    Numbers other than the defaults are taken up by the layers before and behind, which must be ``Dense`` or ``Conv`` in NTK
    parameterization; ``c`` has kernels only, and no finite network.

    >>> from overparam import stax
    >>> _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Erf(a=2.0, b=0.5), stax.Dense(1))
    >>> kernel_fn.net
    serial(Dense(1, w_std=0.5), Erf(), Dense(1, w_std=2.0))
    """
    return StaxLayer(ScaledErf(float(a), float(b), float(c)))


def Sigmoid_like() -> StaxLayer:
    """``erf(x / 2.4020563531719796) / 2 + 1/2``, which is close to the sigmoid; :class:`overparam.Sigmoid` is the sigmoid itself.

    >>> import numpy as np
    >>> from overparam import stax
    >>> _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Sigmoid_like(), stax.Dense(1))
    >>> kernel_fn(np.eye(2), None, "nngp").round(4)
    array([[0.2736, 0.25  ],
           [0.25  , 0.2736]])
    """
    return Erf(a=0.5, b=1 / 2.4020563531719796, c=0.5)


def Gelu(approximate: bool = False) -> StaxLayer:
    """``x Phi(x)``: :class:`overparam.Gelu`.

    ``approximate`` is about finite networks in neural-tangents; with it, only the kernels can be had here.

    >>> from overparam import stax
    >>> stax.Gelu()
    stax(Gelu())
    """
    refusal = "Gelu(approximate=True) has kernels here but no finite network: leave approximate out." if approximate else None
    return StaxLayer(Whole(ours.Gelu(), refusal=refusal))


def Sin(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> StaxLayer:
    """``a sin(b x + c)``: :class:`overparam.Sin`.

    >>> from overparam import stax
    >>> stax.Sin(b=2.0)
    stax(Sin(b=2.0))
    """
    return _of(ours.Sin(a=a, b=b, c=c))


def Cos(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> StaxLayer:
    """``a cos(b x + c)``: :class:`overparam.Cos`.

    >>> from overparam import stax
    >>> stax.Cos()
    stax(Cos())
    """
    return _of(ours.Cos(a=a, b=b, c=c))


def Rbf(gamma: float = 1.0) -> StaxLayer:
    """``sqrt(2) sin(sqrt(2 gamma) x + pi/4)``: :class:`overparam.Rbf`.

    >>> from overparam import stax
    >>> stax.Rbf(0.5)
    stax(Rbf(gamma=0.5))
    """
    return _of(ours.Rbf(gamma=gamma))


def Exp(a: float = 1, b: float = 1) -> StaxLayer:
    """``a exp(b x)``: :class:`overparam.Exp`.

    >>> from overparam import stax
    >>> stax.Exp(b=0.5)
    stax(Exp(b=0.5))
    """
    return _of(ours.Exp(a=a, b=b))


def Sign() -> StaxLayer:
    """``-1``, ``0`` or ``1``: :class:`overparam.Sign`.

    >>> from overparam import stax
    >>> stax.Sign()
    stax(Sign())
    """
    return _of(ours.Sign())


def Monomial(degree: int) -> StaxLayer:
    """``x**degree``: :class:`overparam.Monomial`, which allows degrees to 20 where neural-tangents stops at 5.

    >>> from overparam import stax
    >>> stax.Monomial(2)
    stax(Monomial(2))
    """
    return _of(ours.Monomial(degree))


def RectifiedMonomial(degree: int) -> StaxLayer:
    """``max(x, 0)**degree``, the step function for degree 0: :class:`overparam.RectifiedMonomial`.

    >>> from overparam import stax
    >>> stax.RectifiedMonomial(2)
    stax(RectifiedMonomial(2))
    """
    return _of(ours.RectifiedMonomial(degree))


def Polynomial(coef: Sequence[float]) -> StaxLayer:
    """``sum_j coef[j] x**j``: :class:`overparam.Polynomial`.

    >>> from overparam import stax
    >>> stax.Polynomial([0.0, 1.0, 0.5])
    stax(Polynomial((0.0, 1.0, 0.5)))
    """
    return _of(ours.Polynomial([float(number) for number in coef]))


def Hermite(degree: int) -> StaxLayer:
    """The normalised Hermite polynomial ``He_degree(x) / sqrt(degree!)``: :class:`overparam.Hermite`.

    neural-tangents assumes inputs of unit variance; here the variance may be any.

    >>> from overparam import stax
    >>> stax.Hermite(1)
    stax(Hermite((0.0, 1.0)))
    """
    if degree < 0:
        raise ValueError(f"degree = {degree!r}: expected an integer >= 0.")
    return _of(ours.Hermite([0.0] * degree + [1.0]))


def ElementwiseNumerical(
    fn: Callable[[float], float], deg: int, df: Optional[Callable[[float], float]] = None
) -> StaxLayer:
    """A function that this package knows, such as ``numpy.tanh``: its kernels are exact, and ``deg`` and ``df`` do not matter.

    ``fn`` is recognised by its values, whoever wrote it. Functions that are not among the activations of :mod:`overparam` are refused:
    neural-tangents would differentiate them with JAX.

    >>> import numpy as np
    >>> from overparam import stax
    >>> stax.ElementwiseNumerical(np.tanh, deg=25)
    stax(Tanh())
    >>> stax.ElementwiseNumerical(lambda x: 1 / (1 + np.exp(-x)), deg=25)
    stax(Sigmoid())
    """
    points = np.linspace(-4.0, 4.0, 33) + 0.01
    try:
        values = np.array([float(fn(point)) for point in points])
    except Exception as error:
        raise TypeError(f"fn: expected a function of one number that returns a number: {error}") from None
    for known in _KNOWN:
        net = serial(known)
        if np.allclose(net.apply({}, points[:, None])[:, 0], values, rtol=1e-6, atol=1e-7):
            return _of(known)
    names = ", ".join(type(known).__name__ for known in _KNOWN)
    raise NotImplementedError(f"fn: expected a function with the values of one of {names}; others are not supported.")


_KNOWN: tuple[Layer, ...] = (
    ours.Tanh(), ours.Sigmoid(), ours.Softplus(), ours.Silu(), ours.Gelu(), ours.Relu(), ours.Abs(), ours.Erf(),
    ours.Sin(), ours.Cos(), ours.Exp(), ours.Sign(),
)  # fmt: skip


def _of(layer: Layer) -> StaxLayer:
    return StaxLayer(Whole(layer))
