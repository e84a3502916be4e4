"""The layers with weights, pooling and normalisation of neural-tangents, under its names."""

from __future__ import annotations

import enum
from typing import Any, Callable, Literal, Optional, Sequence, Union, cast

from . import _layers as ours
from ._stax_layer import StaxLayer
from ._stax_steps import Parameterization, Whole


class Padding(enum.Enum):
    """What stands outside an image, for ``Conv``, ``AvgPool`` and ``SumPool``; the words do as well.

    >>> from overparam import stax
    >>> stax.Padding("SAME")
    <Padding.SAME: 'SAME'>
    """

    CIRCULAR = "CIRCULAR"
    SAME = "SAME"
    VALID = "VALID"


def Dense(
    out_dim: int,
    W_std: float = 1.0,
    b_std: Optional[float] = None,
    batch_axis: int = 0,
    channel_axis: int = -1,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> StaxLayer:
    """Fully connected layer: :class:`overparam.Dense`.

    All layers of a network must have one ``parameterization``, and ``s`` is ``(1, 1)`` in the standard one.

    >>> from overparam import stax
    >>> stax.Dense(512, W_std=1.5, b_std=0.1)
    stax(Dense(512, w_std=1.5, b_std=0.1))
    """
    _axes("Dense", batch_axis, channel_axis)
    kind = _parameterization("Dense", parameterization, s)
    return StaxLayer(Whole(ours.Dense(out_dim, w_std=W_std, b_std=b_std), kind))


def Conv(
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Optional[Sequence[int]] = None,
    padding: Union[str, Padding] = Padding.VALID.name,
    W_std: float = 1.0,
    b_std: Optional[float] = None,
    dimension_numbers: Optional[tuple[str, str, str]] = None,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> StaxLayer:
    """Convolution over images or sequences: :class:`overparam.Conv`.

    Filters have two axes for images (``NHWC``), one for sequences. ``strides=None`` is one everywhere.

    >>> from overparam import stax
    >>> stax.Conv(64, (3, 3), padding="SAME")
    stax(Conv(64, (3, 3), padding='same'))
    >>> stax.Conv(64, (3,))
    stax(Conv(64, (3, 1)))
    """
    if dimension_numbers is not None and tuple(dimension_numbers) != ("NHWC", "HWIO", "NHWC"):
        expected = "('NHWC', 'HWIO', 'NHWC')"
        raise NotImplementedError(f"Conv: dimension_numbers = {dimension_numbers!r}: only {expected}, the default, is supported.")
    kind = _parameterization("Conv", parameterization, s)
    shape, steps = _window("Conv: filter_shape", filter_shape, strides)
    layer = ours.Conv(out_chan, shape, strides=steps, padding=_padding("Conv", padding), w_std=W_std, b_std=b_std)
    return StaxLayer(Whole(layer, kind))


def AvgPool(
    window_shape: Sequence[int],
    strides: Optional[Sequence[int]] = None,
    padding: Union[str, Padding] = Padding.VALID.name,
    normalize_edges: bool = False,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> StaxLayer:
    """Average over windows: :class:`overparam.AvgPool`.

    ``normalize_edges`` is supported where it changes nothing, which is everywhere but in ``"SAME"`` padding.

    >>> from overparam import stax
    >>> stax.AvgPool((2, 2), strides=(2, 2))
    stax(AvgPool((2, 2), strides=(2, 2)))
    """
    _axes("AvgPool", batch_axis, channel_axis)
    outside = _padding("AvgPool", padding)
    if normalize_edges and outside == "same":
        raise NotImplementedError("AvgPool: normalize_edges=True with padding 'SAME' is not supported: the divisor is the whole window.")
    shape, steps = _window("AvgPool: window_shape", window_shape, strides)
    return StaxLayer(Whole(ours.AvgPool(shape, strides=steps, padding=outside)))


def SumPool(
    window_shape: Sequence[int],
    strides: Optional[Sequence[int]] = None,
    padding: Union[str, Padding] = Padding.VALID.name,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> StaxLayer:
    """Sum over windows: :class:`overparam.SumPool`.

    >>> from overparam import stax
    >>> stax.SumPool((2, 2))
    stax(SumPool((2, 2)))
    """
    _axes("SumPool", batch_axis, channel_axis)
    shape, steps = _window("SumPool: window_shape", window_shape, strides)
    return StaxLayer(Whole(ours.SumPool(shape, strides=steps, padding=_padding("SumPool", padding))))


def GlobalAvgPool(batch_axis: int = 0, channel_axis: int = -1) -> StaxLayer:
    """Average over all pixels: :class:`overparam.GlobalAvgPool`.

    >>> from overparam import stax
    >>> stax.GlobalAvgPool()
    stax(GlobalAvgPool())
    """
    _axes("GlobalAvgPool", batch_axis, channel_axis)
    return StaxLayer(Whole(ours.GlobalAvgPool()))


def GlobalSumPool(batch_axis: int = 0, channel_axis: int = -1) -> StaxLayer:
    """Sum over all pixels: :class:`overparam.GlobalSumPool`.

    >>> from overparam import stax
    >>> stax.GlobalSumPool()
    stax(GlobalSumPool())
    """
    _axes("GlobalSumPool", batch_axis, channel_axis)
    return StaxLayer(Whole(ours.GlobalSumPool()))


def Flatten(batch_axis: int = 0, batch_axis_out: int = 0) -> StaxLayer:
    """Pixels become channels: :class:`overparam.Flatten`.

    >>> from overparam import stax
    >>> stax.Flatten()
    stax(Flatten())
    """
    _axes("Flatten", batch_axis, -1)
    if batch_axis_out not in (0, -2):
        raise NotImplementedError(f"Flatten: batch_axis_out = {batch_axis_out!r}: inputs must come first, on axis 0.")
    return StaxLayer(Whole(ours.Flatten()))


def Identity() -> StaxLayer:
    """Nothing; a branch that is skipped.

    >>> from overparam import stax
    >>> stax.serial(stax.Dense(1), stax.Identity())
    stax(Dense(1))
    """
    return StaxLayer()


def Dropout(rate: float, mode: str = "train") -> StaxLayer:
    """Dropout, where ``rate`` is the probability of *keeping* a unit: :class:`overparam.Dropout`.

    ``mode="test"`` is the identity. In mode ``"train"`` the kernels are those of the random network, and the finite network is refused.

    >>> from overparam import stax
    >>> stax.Dropout(0.9)
    stax(Dropout(0.9))
    """
    if mode not in ("train", "test"):
        raise ValueError(f"Dropout: mode = {mode!r}: expected 'train' or 'test'.")
    layer = ours.Dropout(rate)
    refusal = "Dropout in mode 'train' has kernels here but no finite network: use mode='test' for apply_fn."
    return StaxLayer() if mode == "test" else StaxLayer(Whole(layer, refusal=refusal))


def LayerNorm(
    axis: Union[int, Sequence[int]] = -1, eps: float = 1e-12, batch_axis: int = 0, channel_axis: int = -1
) -> StaxLayer:
    """Normalisation over channels: :class:`overparam.LayerNorm`.

    >>> from overparam import stax
    >>> stax.LayerNorm()
    stax(LayerNorm())
    """
    _axes("LayerNorm", batch_axis, channel_axis)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if axes != (-1,):
        raise NotImplementedError(f"LayerNorm: axis = {axis!r}: only the channel axis, -1, is supported.")
    return StaxLayer(Whole(ours.LayerNorm(eps=eps)))


def GlobalSelfAttention(
    n_chan_out: int,
    n_chan_key: int,
    n_chan_val: int,
    n_heads: int,
    linear_scaling: bool = True,
    W_key_std: float = 1.0,
    W_value_std: float = 1.0,
    W_query_std: float = 1.0,
    W_out_std: float = 1.0,
    b_std: Optional[float] = None,
    attention_mechanism: str = "SOFTMAX",
    pos_emb_type: str = "NONE",
    pos_emb_p_norm: float = 2,
    pos_emb_decay_fn: Optional[Callable[[float], float]] = None,
    n_chan_pos_emb: Optional[int] = None,
    W_pos_emb_std: float = 1.0,
    val_pos_emb: bool = False,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> StaxLayer:
    """Attention over all pixels in its infinite-width limit: :class:`overparam.GlobalSelfAttention`.

    Softmax with ``linear_scaling``, without positional embeddings. The finite network has one head here, so that ``apply_fn`` is
    refused.

    >>> from overparam import stax
    >>> stax.GlobalSelfAttention(n_chan_out=32, n_chan_key=16, n_chan_val=16, n_heads=4)
    stax(GlobalSelfAttention(32))
    """
    _axes("GlobalSelfAttention", batch_axis, channel_axis)
    if not linear_scaling:
        raise NotImplementedError("GlobalSelfAttention: linear_scaling=False has no kernel in closed form.")
    if _word(attention_mechanism) != "SOFTMAX":
        raise NotImplementedError(f"GlobalSelfAttention: attention_mechanism = {attention_mechanism!r}: only 'SOFTMAX' is supported.")
    if _word(pos_emb_type) != "NONE":
        raise NotImplementedError(f"GlobalSelfAttention: pos_emb_type = {pos_emb_type!r}: positional embeddings are not supported.")
    layer = ours.GlobalSelfAttention(
        n_chan_out, w_query_std=W_query_std, w_key_std=W_key_std, w_value_std=W_value_std, w_out_std=W_out_std, b_std=b_std
    )
    refusal = "GlobalSelfAttention has kernels here, but its finite network differs from that of neural-tangents."
    return StaxLayer(Whole(layer, "ntk", refusal))


def _word(value: Any) -> str:
    """The word that an enumeration, or a string, stands for."""
    return str(value.value if isinstance(value, enum.Enum) else value).upper()


def _padding(where: str, padding: Union[str, Padding]) -> Literal["valid", "same", "circular"]:
    word = _word(padding)
    if word not in Padding.__members__:
        raise ValueError(f"{where}: padding = {padding!r}: expected 'VALID', 'SAME' or 'CIRCULAR'.")
    return cast(Literal["valid", "same", "circular"], word.lower())


def _window(where: str, shape: Sequence[int], strides: Optional[Sequence[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two axes of a window and its strides; sequences have one."""
    axes = tuple(shape)
    steps = (1,) * len(axes) if strides is None else tuple(strides)
    if len(axes) not in (1, 2):
        raise NotImplementedError(f"{where} = {shape!r}: only sequences (one axis) and images (two axes) are supported.")
    if len(steps) != len(axes):
        raise ValueError(f"{where} = {shape!r} and strides = {strides!r}: expected one stride for each axis of the window.")
    return (*axes, 1)[:2], (*steps, 1)[:2]


def _axes(where: str, batch_axis: int, channel_axis: int) -> None:
    if batch_axis != 0:
        raise NotImplementedError(f"{where}: batch_axis = {batch_axis!r}: inputs must come first, on axis 0.")
    if channel_axis != -1:
        raise NotImplementedError(f"{where}: channel_axis = {channel_axis!r}: channels must come last, as in NHWC.")


def _parameterization(where: str, given: str, s: tuple[int, int]) -> Parameterization:
    word = given.lower()
    if word not in ("ntk", "standard"):
        raise ValueError(f"{where}: parameterization = {given!r}: expected 'ntk' or 'standard'.")
    if word == "standard" and tuple(s) != (1, 1):
        raise NotImplementedError(f"{where}: s = {s!r}: width scalings other than (1, 1) are not supported: widen the layers instead.")
    return cast(Parameterization, word)
