"""The layers of neural-tangents, under their own names and with their own defaults.

After a change of imports, the cells of a neural-tangents notebook that compute infinite-width kernels run::

    from overparam import nt, stax   # import neural_tangents as nt; from neural_tangents import stax

>>> import numpy as np
>>> from overparam import stax
>>> init_fn, apply_fn, kernel_fn = stax.serial(
...     stax.Dense(512, W_std=1.5, b_std=0.1), stax.Relu(),
...     stax.Dense(1, W_std=1.5, b_std=0.1),
... )
>>> x = np.array([[1.0, 0.0], [0.6, 0.8]])
>>> kernel_fn(x, None, "ntk").shape
(2, 2)
>>> kernel_fn(x, x[:1], ("nngp", "ntk")).nngp.shape
(2, 1)

Inputs and results are NumPy arrays; their dtype decides the precision, and double is the default. ``rng`` is a number, or a JAX key, but
the random numbers are not those of JAX. ``kernel_fn.net`` is the network as :mod:`overparam` has it, for everything that
neural-tangents cannot do. What is not supported is a ``NotImplementedError`` that says so.

References: Novak, Xiao, Hron, Lee, Alemi, Sohl-Dickstein and Schoenholz, *Neural Tangents: fast and easy infinite neural networks in
Python*, ICLR 2020; names and defaults are those of version 0.6.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._stax_elementwise import (
    Abs,
    ABRelu,
    Cos,
    ElementwiseNumerical,
    Erf,
    Exp,
    Gelu,
    Hermite,
    LeakyRelu,
    Monomial,
    Polynomial,
    Rbf,
    RectifiedMonomial,
    Relu,
    Sigmoid_like,
    Sign,
    Sin,
)
from ._stax_layer import StaxLayer, steps_of
from ._stax_linear import (
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalSelfAttention,
    GlobalSumPool,
    Identity,
    LayerNorm,
    Padding,
    SumPool,
)
from ._stax_steps import Branches
from ._stax_steps import FanIn as _FanIn
from ._stax_steps import FanOut as _FanOut

__all__ = [
    "ABRelu",
    "Abs",
    "AvgPool",
    "Conv",
    "Cos",
    "Dense",
    "Dropout",
    "ElementwiseNumerical",
    "Erf",
    "Exp",
    "FanInConcat",
    "FanInProd",
    "FanInSum",
    "FanOut",
    "Flatten",
    "Gelu",
    "GlobalAvgPool",
    "GlobalSelfAttention",
    "GlobalSumPool",
    "Hermite",
    "Identity",
    "LayerNorm",
    "LeakyRelu",
    "Monomial",
    "Padding",
    "Polynomial",
    "Rbf",
    "RectifiedMonomial",
    "Relu",
    "Sigmoid_like",
    "Sign",
    "Sin",
    "SumPool",
    "parallel",
    "repeat",
    "serial",
]


def serial(*layers: StaxLayer) -> StaxLayer:
    """Layers one after the other, ``(init_fn, apply_fn, kernel_fn)``: :func:`overparam.serial`.

    >>> from overparam import stax
    >>> init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(64), stax.Erf(), stax.Dense(1))
    >>> shape, params = init_fn(0, (-1, 3))
    >>> shape
    (-1, 1)
    >>> apply_fn(params, [[1.0, 2.0, 3.0]]).shape
    (1, 1)
    """
    return StaxLayer(*steps_of("serial", layers))


def repeat(layer: StaxLayer, n: int) -> StaxLayer:
    """One layer ``n`` times.

    >>> from overparam import stax
    >>> stax.repeat(stax.serial(stax.Dense(64), stax.Relu()), 2)
    stax(Dense(64), Relu(), Dense(64), Relu())
    """
    return serial(*[layer] * n)


def parallel(*layers: StaxLayer) -> StaxLayer:
    """One layer per branch, between ``FanOut`` and a ``FanIn`` layer: :class:`overparam.Parallel`.

    >>> from overparam import stax
    >>> block = stax.serial(
    ...     stax.FanOut(2),
    ...     stax.parallel(stax.serial(stax.Relu(), stax.Dense(64)), stax.Identity()),
    ...     stax.FanInSum(),
    ... )
    >>> stax.serial(stax.Dense(64), block, stax.Dense(1))[2].net
    serial(Dense(64), Parallel([Relu(), Dense(64)], []), Dense(1))
    """
    return StaxLayer(Branches(tuple(steps_of("parallel", [layer]) for layer in layers)))


def FanOut(num: int) -> StaxLayer:
    """Copies of the input, for :func:`parallel`.

    >>> from overparam import stax
    >>> stax.FanOut(2)
    stax(FanOut(num=2))
    """
    if num < 1:
        raise ValueError(f"FanOut: num = {num!r}: expected an integer >= 1.")
    return StaxLayer(_FanOut(num))


def FanInSum() -> StaxLayer:
    """The sum of the branches: ``overparam.Parallel(..., combine="sum")``.

    >>> from overparam import stax
    >>> stax.FanInSum()
    stax(FanIn(combine='sum'))
    """
    return StaxLayer(_FanIn("sum"))


def FanInProd() -> StaxLayer:
    """The product of the branches: ``overparam.Parallel(..., combine="product")``.

    >>> from overparam import stax
    >>> stax.FanInProd()
    stax(FanIn(combine='product'))
    """
    return StaxLayer(_FanIn("product"))


def FanInConcat(axis: int = -1) -> StaxLayer:
    """The channels of all branches: ``overparam.Parallel(..., combine="concat")``.

    >>> from overparam import stax
    >>> stax.FanInConcat()
    stax(FanIn(combine='concat'))
    """
    if axis != -1:
        raise NotImplementedError(f"FanInConcat: axis = {axis!r}: only the channel axis, -1, is supported.")
    return StaxLayer(_FanIn("concat"))


_MISSING = {
    "Aggregate": "graphs are not supported",
    "AggregateImplementation": "graphs are not supported",
    "AttentionMechanism": "pass the word 'SOFTMAX' itself",
    "Bool": "layers of your own are not supported",
    "ConvLocal": "convolutions without shared weights are not supported",
    "ConvTranspose": "transposed convolutions are not supported",
    "Diagonal": "layers of your own are not supported",
    "DotGeneral": "constant products are not supported",
    "Elementwise": "kernels of your own are not supported; see ElementwiseNumerical for the functions that are known",
    "ExpNormalized": "no network has this kernel, and it is not supported",
    "Gabor": "this nonlinearity is not supported",
    "Gaussian": "this nonlinearity is not supported; Rbf is the one whose kernel is Gaussian",
    "ImageResize": "resizing is not supported: resize the images before the call",
    "Index": "indexing is not supported: crop the inputs before the call",
    "MaskedArray": "masks are not supported",
    "PositionalEmbedding": "positional embeddings are not supported",
    "Slice": "indexing is not supported: crop the inputs before the call",
    "layer": "layers of your own are not supported",
    "requires": "layers of your own are not supported",
    "supports_masking": "masks are not supported",
    "unmask_fn": "masks are not supported",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MISSING:
            raise AttributeError(f"neural-tangents has stax.{name}, overparam does not: {_MISSING[name]}.")
        raise AttributeError(f"module 'overparam.stax' has no attribute {name!r}")
