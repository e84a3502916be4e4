"""A layer as neural-tangents has it: three functions, ``(init_fn, apply_fn, kernel_fn)``, of one network of this package.

A layer of :mod:`overparam.stax` keeps the steps that it was written with. They become an :class:`overparam.Architecture` when the
layer is first used, because a step such as ``FanOut`` means nothing on its own.
"""

from __future__ import annotations

import operator
from collections import namedtuple
from functools import cached_property, lru_cache
from typing import Any, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._architecture import Architecture, Kernels, serial
from ._arrays import Array, inputs
from ._params import Params
from ._stax_steps import Step, architecture, finite_refusals

Get = Union[None, str, tuple[str, ...]]


class _Net:
    """The network that the three functions share."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps

    @cached_property
    def architecture(self) -> Architecture:
        return serial(self._layers, parameterization=self._found[1])

    @cached_property
    def _found(self) -> Any:
        return architecture(self.steps)

    @property
    def _layers(self) -> Any:
        return self._found[0]

    @cached_property
    def finite(self) -> Architecture:
        """The network, unless the finite one differs from that of neural-tangents."""
        for sentence in finite_refusals(self.steps):
            raise NotImplementedError(sentence)
        return self.architecture

    def __repr__(self) -> str:
        return ", ".join(map(repr, self.steps))


class InitFn:
    """``init_fn(rng, input_shape)``: the shape of the outputs, and random parameters."""

    def __init__(self, net: _Net) -> None:
        self._net = net

    @property
    def net(self) -> Architecture:
        """The network of this package."""
        return self._net.finite

    def __call__(self, rng: Any, input_shape: Sequence[int]) -> tuple[tuple[int, ...], Params]:
        """The shape of the outputs, and random parameters.

        ``rng`` is an integer, or the two numbers of a JAX key. ``input_shape`` begins with the number of inputs, or -1. The random
        numbers are not those of JAX.
        """
        whole = tuple(input_shape)
        if len(whole) < 2:
            raise ValueError(f"input_shape = {input_shape!r}: expected the number of inputs (or -1) before the shape of one input")
        params = self.net.init(seed_of(rng), whole[1:])
        one = self.net.apply(params, np.zeros((1, *whole[1:])))
        return (whole[0], *one.shape[1:]), params


class ApplyFn:
    """``apply_fn(params, inputs)``: outputs of the finite network."""

    def __init__(self, net: _Net) -> None:
        self._net = net

    @property
    def net(self) -> Architecture:
        """The network of this package."""
        return self._net.finite

    def __call__(self, params: Any, inputs: npt.ArrayLike, *, rng: Any = None, **kwargs: Any) -> Array:
        """Outputs of the finite network. ``rng`` changes nothing, since no layer here is random after ``init_fn``."""
        _no_keywords("apply_fn", kwargs)
        return self.net.apply(params, inputs)


class KernelFn:
    """``kernel_fn(x1, x2, get)``: the infinite-width kernels."""

    def __init__(self, net: _Net) -> None:
        self._net = net

    @property
    def net(self) -> Architecture:
        """The network of this package."""
        return self._net.architecture

    def __call__(
        self,
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike] = None,
        get: Get = None,
        *,
        pattern: None = None,
        mask_constant: None = None,
        diagonal_batch: None = None,
        diagonal_spatial: None = None,
        **kwargs: Any,
    ) -> Any:
        """``"ntk"`` or ``"nngp"``, or a named tuple of those in ``get``; ``None`` is both.

        As in neural-tangents, ``x2`` counts as ``x1`` where the two agree to 1e-12, which matters for dropout.
        """
        given = {"pattern": pattern, "mask_constant": mask_constant, "diagonal_batch": diagonal_batch}
        given |= {"diagonal_spatial": diagonal_spatial, **kwargs}
        _no_keywords("kernel_fn", {name: value for name, value in given.items() if value is not None})
        if isinstance(x1, (Kernels, tuple)) and hasattr(x1, "nngp"):
            raise NotImplementedError("kernel_fn does not continue from a kernel here: compose the layers with serial instead.")
        wanted = kinds_of(get)
        first, second = inputs(["x1", "x2"], x1, x2)
        assert first is not None
        if second is not None and _same(first, second):
            second = None
        if len(wanted) == 1:
            return picked("AnalyticKernel", get, {wanted[0]: self.net.kernel(first, second, kind=wanted[0])})  # type: ignore[call-overload]
        both = self.net.kernel(first, second, kind=("nngp", "ntk"))
        return both if get is None else picked("AnalyticKernel", get, both._asdict())


class StaxLayer(tuple[InitFn, ApplyFn, KernelFn]):
    """``(init_fn, apply_fn, kernel_fn)``.

    >>> from overparam import stax
    >>> init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(512), stax.Relu(), stax.Dense(1))
    >>> kernel_fn.net
    serial(Dense(512), Relu(), Dense(1))
    """

    steps: tuple[Step, ...]

    def __new__(cls, *steps: Step) -> StaxLayer:
        net = _Net(steps)
        made = super().__new__(cls, (InitFn(net), ApplyFn(net), KernelFn(net)))
        made.steps = steps
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return StaxLayer, self.steps

    def __repr__(self) -> str:
        return f"stax({', '.join(map(repr, self.steps))})"


def steps_of(where: str, layers: Sequence[Any]) -> tuple[Step, ...]:
    """The steps of layers, one after the other."""
    found: list[Step] = []
    for layer in layers:
        if not isinstance(layer, StaxLayer):
            hint = "; call it: stax.Relu()" if callable(layer) else ""
            raise TypeError(f"{where}: expected layers of overparam.stax, got {layer!r}{hint}")
        found.extend(layer.steps)
    return tuple(found)


def kinds_of(get: Get, known: tuple[str, ...] = ("nngp", "ntk")) -> tuple[str, ...]:
    """The kernels that are asked for."""
    wanted = ("nngp", "ntk") if get is None else (get,) if isinstance(get, str) else tuple(get)
    wanted = tuple(kind.lower() for kind in wanted)
    for kind in wanted:
        if kind not in known:
            raise NotImplementedError(f"get = {get!r}: only {' and '.join(map(repr, known))} can be computed here.")
    if not wanted or len(set(wanted)) < len(wanted):
        raise ValueError(f"get = {get!r}: expected one or more different names.")
    return wanted


def picked(name: str, get: Get, found: dict[str, Any]) -> Any:
    """What was asked for, as neural-tangents returns it: bare for a string, else a named tuple in the order of ``get``."""
    wanted = tuple(found) if get is None else kinds_of(get, tuple(found))
    if isinstance(get, str):
        return found[wanted[0]]
    return _named(name, wanted)(*(found[kind] for kind in wanted))


@lru_cache(None)
def _named(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)  # type: ignore[misc]


def seed_of(key: Any) -> int:
    """A seed of 64 bits: an integer, or the two numbers of a JAX key.

    >>> import numpy as np
    >>> from overparam._stax_layer import seed_of
    >>> seed_of(7), seed_of(np.array([0, 7], dtype=np.uint32))
    (7, 7)
    """
    try:
        return operator.index(key)
    except TypeError:
        pass
    try:
        words = np.asarray(key)
    except Exception:
        words = np.empty(0)
    if words.shape != (2,) or words.dtype.kind not in "ui":
        raise TypeError(f"rng = {key!r}: expected an integer, or the two numbers of a JAX key.")
    high, low = (int(word) & 0xFFFFFFFF for word in words)
    return high << 32 | low


def _same(x1: Array, x2: Array) -> bool:
    return x1 is x2 or (x1.shape == x2.shape and bool(np.all(np.abs(x1 - x2) < 1e-12)))


_KEYWORDS = {
    "mask": "masks are not supported: fill the masked entries before the call.",
    "mask_constant": "masks are not supported: fill the masked entries before the call.",
    "pattern": "graphs, given by a pattern, are not supported.",
    "diagonal_batch": "every kernel here has all pairs of inputs: leave this argument out.",
    "diagonal_spatial": "pixels are handled as the layers need them: leave this argument out.",
}


def _no_keywords(where: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        sentence = _KEYWORDS.get(name, "this argument has no meaning for the layers of overparam.stax.")
        raise NotImplementedError(f"{where}: {name} = {value!r}: {sentence}")
