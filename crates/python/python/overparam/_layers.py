"""Layers with weights, pooling, normalisation, branches.

Docstrings give the finite layer and what it makes of the covariance ``k`` (NNGP) and the tangent kernel ``Theta`` of a pair of inputs.
``W`` and ``b`` are independent standard normal numbers, ``n`` is the fan-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, Literal, Optional, Sequence, Union

from ._schema import Layer

if TYPE_CHECKING:
    from ._architecture import Architecture

Branch = Union["Layer", "Architecture", Iterable[Union["Layer", "Architecture"]]]
Padding = Literal["valid", "same", "circular"]


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Layer):
    """Fully connected layer on the channel axis, ``w_std / sqrt(n) x W + b_std b``; on images, a 1 x 1 convolution.

    In the limit (Jacot, Gabriel and Hongler 2018)::

        k'     = w_std^2 k + b_std^2
        Theta' = k' + w_std^2 Theta

    and in standard parameterization ``Theta' = n k + 1 + w_std^2 Theta`` (Sohl-Dickstein et al. 2020).

    Parameters
    ----------
    width
        Number of outputs. At infinite width it matters in standard parameterization and in concatenations only.
    w_std
        Standard deviation of the weights before they are divided by ``sqrt(n)``.
    b_std
        Standard deviation of the bias. ``None`` is a layer without bias.

    >>> import overparam as op
    >>> op.Dense(512, w_std=1.5, b_std=0.1)
    Dense(512, w_std=1.5, b_std=0.1)
    """

    width: int
    w_std: float = 1.0
    b_std: Optional[float] = None
    _name = "dense"


@dataclass(frozen=True, eq=False, repr=False)
class Conv(Layer):
    """Two-dimensional convolution: a dense layer on the window of pixels around each pixel.

    In the limit, with filter area ``F`` and offsets ``d`` within the filter (Novak et al. 2019; Arora et al. 2019)::

        k'(p, r)     = w_std^2 / F sum_d k(p + d, r + d) + b_std^2
        Theta'(p, r) = k'(p, r) + w_std^2 / F sum_d Theta(p + d, r + d)

    Parameters
    ----------
    channels
        Number of output channels.
    filter
        Height and width of the filter; for sequences ``(length, 1)``.
    strides
        Vertical and horizontal stride.
    padding
        What stands outside the image: ``"valid"`` (nothing), ``"same"`` (zeros) or ``"circular"``.
    w_std, b_std
        As in :class:`Dense`; the fan-in is the number of input channels times the area of the filter.

    >>> import overparam as op
    >>> op.Conv(64, (3, 3), padding="same")
    Conv(64, (3, 3), padding='same')
    """

    channels: int
    filter: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "valid"
    w_std: float = 1.0
    b_std: Optional[float] = None
    _name = "conv"

    def __post_init__(self) -> None:
        _freeze(self, "filter", "strides")
        super().__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class _Pool(Layer):
    window: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        _freeze(self, "window", "strides")
        super().__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool(_Pool):
    """Average over windows; the divisor is the whole window, padding included (Novak et al. 2019).

    ``k'`` is the mean of ``k`` over both windows, ``Theta'`` that of ``Theta``.

    Parameters
    ----------
    window
        Height and width of the window.
    strides
        Vertical and horizontal stride; the default is one, not the window.
    padding
        ``"valid"``, ``"same"`` or ``"circular"``.

    >>> import overparam as op
    >>> op.AvgPool((2, 2), strides=(2, 2))
    AvgPool((2, 2), strides=(2, 2))
    """

    _name = "avg_pool"


@dataclass(frozen=True, eq=False, repr=False)
class SumPool(_Pool):
    """Sum over windows; parameters as those of :class:`AvgPool`.

    >>> import overparam as op
    >>> op.SumPool((2, 2))
    SumPool((2, 2))
    """

    _name = "sum_pool"


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool(_Pool):
    """Maximum over windows, of finite networks only: the maximum has no infinite-width kernel.

    Parameters are those of :class:`AvgPool`.

    >>> import overparam as op
    >>> op.MaxPool((2, 2))
    MaxPool((2, 2))
    """

    _name = "max_pool"


@dataclass(frozen=True, eq=False, repr=False)
class GlobalAvgPool(Layer):
    """Average over all pixels.

    >>> import overparam as op
    >>> op.GlobalAvgPool()
    GlobalAvgPool()
    """

    _name = "global_avg_pool"


@dataclass(frozen=True, eq=False, repr=False)
class GlobalSumPool(Layer):
    """Sum over all pixels.

    >>> import overparam as op
    >>> op.GlobalSumPool()
    GlobalSumPool()
    """

    _name = "global_sum_pool"


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Layer):
    """Pixels become channels: in the limit the mean over equal pixels of ``k`` and of ``Theta`` (Novak et al. 2019).

    >>> import overparam as op
    >>> op.Flatten()
    Flatten()
    """

    _name = "flatten"


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm(Layer):
    """Normalisation over channels, ``(x - mean) / sqrt(variance + eps)``.

    In the limit ``k' = k / sqrt((q_x + eps) (q_y + eps))`` with the variances ``q_x`` and ``q_y`` of the two inputs, and ``Theta'``
    likewise (Novak et al. 2020).

    Parameters
    ----------
    eps
        Added to the variance.

    >>> import overparam as op
    >>> op.LayerNorm()
    LayerNorm()
    """

    eps: float = 1e-12
    _name = "layer_norm"


@dataclass(frozen=True, eq=False, repr=False)
class Dropout(Layer):
    """Dropout in training mode: each unit is kept with probability ``keep``, and multiplied by ``1 / keep`` (Schoenholz et al. 2017).

    Kernels are those of the training mode: ``k`` of different inputs stays, that of an input with itself becomes ``k / keep``. The
    finite network's :meth:`Architecture.apply` is in evaluation, where the layer is the identity.

    Parameters
    ----------
    keep
        Probability of keeping a unit, above zero and at most one.

    >>> import overparam as op
    >>> op.Dropout(0.9)
    Dropout(0.9)
    """

    keep: float
    _name = "dropout"


@dataclass(frozen=True, eq=False, repr=False)
class GlobalSelfAttention(Layer):
    """Attention over all pixels with one matrix for queries and keys, in its infinite-width limit (Hron et al. 2020).

    With ``G = softmax(w_query_std w_key_std k)`` and ``w = w_value_std w_out_std``::

        k'     = w^2 G_x k G_y^T + b_std^2
        Theta' = 2 w^2 G_x k G_y^T + b_std^2 + w^2 G_x Theta G_y^T

    Parameters
    ----------
    channels
        Number of output channels.
    w_query_std, w_key_std, w_value_std, w_out_std
        Standard deviations of the weights.
    b_std
        Standard deviation of the bias. ``None`` is a layer without bias.

    >>> import overparam as op
    >>> op.GlobalSelfAttention(32)
    GlobalSelfAttention(32)
    """

    channels: int
    w_query_std: float = 1.0
    w_key_std: float = 1.0
    w_value_std: float = 1.0
    w_out_std: float = 1.0
    b_std: Optional[float] = None
    _name = "global_self_attention"


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Residual(Layer):
    """``x + branch(x)``: ``k' = k + k_branch``, ``Theta' = Theta + Theta_branch`` (Huang et al. 2020).

    Parameters
    ----------
    branch
        Layers, or networks, one after the other. The last one should have weights of its own.

    >>> import overparam as op
    >>> op.Residual(op.Relu(), op.Dense(64))
    Residual(Relu(), Dense(64))
    """

    branch: tuple[Layer, ...]
    _name = "residual"

    def __init__(self, *branch: Branch) -> None:
        object.__setattr__(self, "branch", layers_of(branch, "Residual"))
        self.__post_init__()

    def _document(self) -> Any:
        return {self._name: [layer._document() for layer in self.branch]}

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.branch))})"


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Parallel(Layer):
    """Branches on the same input, whose outputs are summed, concatenated or multiplied (Huang et al. 2020; Novak et al. 2020).

    ==============  ======================  ==========================================
    ``combine``     ``k'``                  ``Theta'``
    ==============  ======================  ==========================================
    ``"sum"``       ``sum_i k_i``           ``sum_i Theta_i``
    ``"concat"``    ``sum_i c_i k_i``       ``sum_i c_i Theta_i``, shares ``c_i`` of the channels
    ``"product"``   ``prod_i k_i``          ``sum_i Theta_i prod_(j != i) k_j``
    ==============  ======================  ==========================================

    Parameters
    ----------
    branches
        A layer, a network, or a list of layers each; an empty list is the identity. All but one must end in weights of their own.
    combine
        ``"sum"``, ``"concat"`` or ``"product"``.

    >>> import overparam as op
    >>> op.Parallel(op.Dense(64), op.serial(op.Dense(64), op.Relu(), op.Dense(64)), combine="product")
    Parallel([Dense(64)], [Dense(64), Relu(), Dense(64)], combine='product')
    """

    branches: tuple[tuple[Layer, ...], ...]
    combine: Literal["sum", "concat", "product"] = "sum"
    _name = "parallel"

    def __init__(self, *branches: Branch, combine: Literal["sum", "concat", "product"] = "sum") -> None:
        object.__setattr__(self, "branches", tuple(layers_of([branch], "Parallel") for branch in branches))
        object.__setattr__(self, "combine", combine)
        self.__post_init__()

    def _document(self) -> Any:
        branches = [[layer._document() for layer in branch] for branch in self.branches]
        return {self._name: {"branches": branches, "combine": self.combine}}

    def __repr__(self) -> str:
        parts = [repr(list(branch)) for branch in self.branches]
        if self.combine != "sum":
            parts.append(f"combine={self.combine!r}")
        return f"Parallel({', '.join(parts)})"


def layers_of(parts: Iterable[Any], where: str) -> tuple[Layer, ...]:
    """Layers one after the other, of layers, networks and lists of them."""
    found: list[Layer] = []
    for part in parts:
        if isinstance(part, Layer):
            found.append(part)
        elif isinstance(getattr(part, "layers", None), tuple):
            found.extend(part.layers)
        elif isinstance(part, (list, tuple)):
            found.extend(layers_of(part, where))
        elif isinstance(part, type) and issubclass(part, Layer):
            raise TypeError(f"{where}: expected a layer, got the class {part.__name__}: write {part.__name__}()")
        else:
            raise TypeError(f"{where}: expected layers, got {part!r} of type {type(part).__name__}")
    return tuple(found)


def _freeze(layer: Layer, *names: str) -> None:
    """Sequences are kept as tuples, so that layers can be hashed and do not change."""
    for name in names:
        value = getattr(layer, name)
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise TypeError(f"{type(layer).__name__}: {name} = {value!r}: expected two integers, such as (3, 3)")
        object.__setattr__(layer, name, tuple(value))


LAYERS: tuple[type[Layer], ...] = (
    Dense, Conv, AvgPool, SumPool, MaxPool, GlobalAvgPool, GlobalSumPool, Flatten, LayerNorm, Dropout, GlobalSelfAttention,
    Residual, Parallel,
)  # fmt: skip
