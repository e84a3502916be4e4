"""The theory of over-parameterised networks for NumPy arrays: exact infinite-width kernels, and what they predict.

>>> import numpy as np
>>> import overparam as op
>>> net = op.serial(op.Dense(512, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))
>>> x, y = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), np.array([1.0, 0.0, -1.0])
>>> ntk = net.kernel(x)
>>> mean, covariance = op.predict.Ensemble(net, x, y).predict([[0.5, 0.5]])

======================  ====================================================================================
:func:`serial`          networks of layers (:class:`Dense`, :class:`Conv`, :class:`Relu`, ...), for all that follows
:class:`Architecture`   a network: ``kernel``, ``init``, ``apply``, ``empirical_ntk``, ``linearize``, ``descend``
:func:`kernel_job`      kernels larger than memory, in a folder (:func:`open_kernel`)
:mod:`predict`          training in closed form, ensembles, Gaussian processes, kernel ridge regression
:mod:`deep_linear`      products of matrices: what descent on the factors prefers
:mod:`linearized`       random features in high dimension: double descent, which degrees are learned
:mod:`feature_flow`     networks whose features move, between lazy and rich
:mod:`ntk`              the tangent kernel at finite width: its scatter and its drift
:mod:`sklearn`          estimators for scikit-learn (``import overparam.sklearn``)
:mod:`stax`, :mod:`nt`  the names, arguments and defaults of neural-tangents
:mod:`claims`           the claims: run one, change an assumption, look at its draws and figures
======================  ====================================================================================
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from . import claims, deep_linear, feature_flow, linearized, ntk, predict
from ._activations import (
    Abs,
    AbRelu,
    Cos,
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
    Sigmoid,
    Sign,
    Silu,
    Sin,
    Softplus,
    Tanh,
)
from ._architecture import Architecture, Descent, Kernels, Linearized, from_json, serial
from ._core import VERSION as __version__
from ._jobs import StoredArray, StoredKernel, kernel_job, open_kernel
from ._layers import (
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalSelfAttention,
    GlobalSumPool,
    LayerNorm,
    MaxPool,
    Parallel,
    Residual,
    SumPool,
)
from ._params import Params
from ._schema import Layer

__all__ = [
    "Abs",
    "AbRelu",
    "Architecture",
    "AvgPool",
    "Conv",
    "Cos",
    "Dense",
    "Descent",
    "Dropout",
    "Erf",
    "Exp",
    "Flatten",
    "Gelu",
    "GlobalAvgPool",
    "GlobalSelfAttention",
    "GlobalSumPool",
    "Hermite",
    "Kernels",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "Linearized",
    "MaxPool",
    "Monomial",
    "Parallel",
    "Params",
    "Polynomial",
    "Rbf",
    "RectifiedMonomial",
    "Relu",
    "Residual",
    "Sigmoid",
    "Sign",
    "Silu",
    "Sin",
    "Softplus",
    "StoredArray",
    "StoredKernel",
    "SumPool",
    "Tanh",
    "claims",
    "deep_linear",
    "feature_flow",
    "from_json",
    "kernel_job",
    "linearized",
    "ntk",
    "open_kernel",
    "predict",
    "serial",
    "__version__",
]


if TYPE_CHECKING:
    from . import nt, sklearn, stax
else:

    def __getattr__(name: str) -> ModuleType:
        """``op.sklearn`` needs scikit-learn, and ``op.stax`` and ``op.nt`` are for those who ask: imported when named."""
        if name in ("nt", "sklearn", "stax"):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
