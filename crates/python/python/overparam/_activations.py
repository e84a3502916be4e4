"""Elementwise nonlinearities.

Each takes the covariance ``[[q_x, k], [k, q_y]]`` of a centred Gaussian pair ``(u, v)`` to ``E[phi(u) phi(v)]``, which carries the
NNGP kernel through the layer, and ``E[phi'(u) phi'(v)]``, which multiplies the NTK (Jacot et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ._schema import Layer


@dataclass(frozen=True, eq=False, repr=False)
class Relu(Layer):
    """``max(x, 0)``.

    Its dual map is the arc-cosine kernel of degree one (Cho and Saul 2009).

    >>> import numpy as np, overparam as op
    >>> net = op.serial(op.Dense(1, w_std=2**0.5), op.Relu(), op.Dense(1))
    >>> net.kernel(np.eye(2)).round(6)
    array([[1.      , 0.159155],
           [0.159155, 1.      ]])
    """

    _name = "relu"


@dataclass(frozen=True, eq=False, repr=False)
class Abs(Layer):
    """``|x|``.

    >>> import overparam as op
    >>> op.Abs() == op.AbRelu(a=-1.0, b=1.0)
    True
    """

    _name = "abs"


@dataclass(frozen=True, eq=False, repr=False)
class LeakyRelu(Layer):
    """``max(x, slope x)`` for slopes below one.

    Parameters
    ----------
    slope
        The slope for negative arguments.

    >>> import overparam as op
    >>> op.LeakyRelu(0.0) == op.Relu()
    True
    """

    slope: float = 0.01
    _name = "leaky_relu"


@dataclass(frozen=True, eq=False, repr=False)
class AbRelu(Layer):
    """``a min(x, 0) + b max(x, 0)``.

    Parameters
    ----------
    a, b
        The slopes for negative and positive arguments.

    >>> import overparam as op
    >>> op.AbRelu(a=0.2, b=1.5)
    AbRelu(a=0.2, b=1.5)
    """

    a: float = 0.0
    b: float = 1.0
    _name = "ab_relu"


@dataclass(frozen=True, eq=False, repr=False)
class Erf(Layer):
    """The error function. Its dual map is an arcsine (Williams 1997).

    >>> import overparam as op
    >>> op.Erf()
    Erf()
    """

    _name = "erf"


@dataclass(frozen=True, eq=False, repr=False)
class Gelu(Layer):
    """``x Phi(x)`` with the standard normal distribution function ``Phi`` (Hendrycks and Gimpel 2016).

    >>> import overparam as op
    >>> op.Gelu()
    Gelu()
    """

    _name = "gelu"


@dataclass(frozen=True, eq=False, repr=False)
class Sin(Layer):
    """``a sin(b x + c)``.

    >>> import overparam as op
    >>> op.Sin(b=2.0)
    Sin(b=2.0)
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    _name = "sin"


@dataclass(frozen=True, eq=False, repr=False)
class Cos(Layer):
    """``a cos(b x + c)``.

    >>> import overparam as op
    >>> op.Cos(c=0.5)
    Cos(c=0.5)
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    _name = "cos"


@dataclass(frozen=True, eq=False, repr=False)
class Rbf(Layer):
    """``sqrt(2) sin(sqrt(2 gamma) x + pi/4)``, the random feature of the Gaussian kernel (Rahimi and Recht 2007).

    After one dense layer with weights of variance one, the NNGP kernel is ``exp(-gamma ||x - y||^2 / d)``.

    >>> import numpy as np, overparam as op
    >>> net = op.serial(op.Dense(1), op.Rbf(gamma=1.0))
    >>> k = net.kernel(np.eye(2), kind="nngp")
    >>> bool(np.allclose(k[0, 1], np.exp(-1.0)))
    True
    """

    gamma: float = 1.0
    _name = "rbf"


@dataclass(frozen=True, eq=False, repr=False)
class Exp(Layer):
    """``a exp(b x)``.

    >>> import overparam as op
    >>> op.Exp(b=0.5)
    Exp(b=0.5)
    """

    a: float = 1.0
    b: float = 1.0
    _name = "exp"


@dataclass(frozen=True, eq=False, repr=False)
class Sign(Layer):
    """``-1``, ``0`` or ``1``. Its derivative is zero almost everywhere, so it lets no NTK through.

    >>> import overparam as op
    >>> op.Sign()
    Sign()
    """

    _name = "sign"


@dataclass(frozen=True, eq=False, repr=False)
class Monomial(Layer):
    """``x**degree``, for degrees from 0 to 20.

    >>> import overparam as op
    >>> op.Monomial(2)
    Monomial(2)
    """

    degree: int
    _name = "monomial"


@dataclass(frozen=True, eq=False, repr=False)
class RectifiedMonomial(Layer):
    """``max(x, 0)**degree``, for degrees from 0, the step function, to 20.

    Its dual maps are the arc-cosine kernels of any degree (Cho and Saul 2009).

    >>> import overparam as op
    >>> op.RectifiedMonomial(2)
    RectifiedMonomial(2)
    """

    degree: int
    _name = "rectified_monomial"


@dataclass(frozen=True, eq=False, repr=False)
class Polynomial(Layer):
    """``sum_j coefficients[j] x**j``.

    >>> import overparam as op
    >>> op.Polynomial([0.0, 1.0, 0.5])
    Polynomial((0.0, 1.0, 0.5))
    """

    coefficients: Sequence[float]
    _name = "polynomial"

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        super().__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class Hermite(Layer):
    """``sum_j coefficients[j] He_j(x) / sqrt(j!)``: orthonormal for inputs of unit variance.

    >>> import overparam as op
    >>> op.Hermite([0.0, 1.0])
    Hermite((0.0, 1.0))
    """

    coefficients: Sequence[float]
    _name = "hermite"

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        super().__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class Tanh(Layer):
    """The hyperbolic tangent.

    ``nodes`` is read and written for the sake of files that have it; no result depends on it.

    >>> import overparam as op
    >>> op.Tanh()
    Tanh()
    """

    nodes: int = 100
    _name = "tanh"


@dataclass(frozen=True, eq=False, repr=False)
class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``.

    ``nodes`` is read and written for the sake of files that have it; no result depends on it.

    >>> import overparam as op
    >>> op.Sigmoid()
    Sigmoid()
    """

    nodes: int = 100
    _name = "sigmoid"


@dataclass(frozen=True, eq=False, repr=False)
class Softplus(Layer):
    """``log(1 + exp(x))``.

    ``nodes`` is read and written for the sake of files that have it; no result depends on it.

    >>> import overparam as op
    >>> op.Softplus()
    Softplus()
    """

    nodes: int = 100
    _name = "softplus"


@dataclass(frozen=True, eq=False, repr=False)
class Silu(Layer):
    """``x / (1 + exp(-x))``, also known as swish.

    ``nodes`` is read and written for the sake of files that have it; no result depends on it.

    >>> import overparam as op
    >>> op.Silu()
    Silu()
    """

    nodes: int = 100
    _name = "silu"


ACTIVATIONS: tuple[type[Layer], ...] = (
    Relu, Abs, LeakyRelu, AbRelu, Erf, Gelu, Sin, Cos, Rbf, Exp, Sign, Monomial, RectifiedMonomial, Polynomial, Hermite,
    Tanh, Sigmoid, Softplus, Silu,
)  # fmt: skip
