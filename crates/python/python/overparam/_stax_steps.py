"""What a layer of neural-tangents stands for here: one layer, or one end of a set of branches."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Iterator, Literal, Optional, Union

from . import _layers as layers
from ._activations import Erf as PlainErf
from ._schema import Layer

Parameterization = Literal["ntk", "standard"]


@dataclass(frozen=True, repr=False)
class Whole:
    """A layer of this package."""

    layer: Layer
    #: Set for layers with weights.
    parameterization: Optional[Parameterization] = None
    #: Why the finite network is refused, if it is.
    refusal: Optional[str] = field(default=None, compare=False)

    def __repr__(self) -> str:
        return repr(self.layer)


@dataclass(frozen=True)
class ScaledErf:
    """``a erf(b x) + c``. Its neighbours take up the three numbers."""

    a: float
    b: float
    c: float


@dataclass(frozen=True)
class FanOut:
    """Copies of the input for the branches that follow."""

    num: int


@dataclass(frozen=True)
class Branches:
    """One sequence of steps per copy."""

    branches: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True)
class FanIn:
    """Where the branches meet."""

    combine: Literal["sum", "concat", "product"]


Step = Union[Whole, ScaledErf, FanOut, Branches, FanIn]

_PATTERN = "write serial(FanOut(n), parallel(...), FanInSum())"


def architecture(steps: tuple[Step, ...]) -> tuple[list[Layer], Parameterization]:
    """The layers of this package, and the parameterization that all of them share."""
    kinds = {step.parameterization for step in _all(steps) if isinstance(step, Whole) and step.parameterization}
    if len(kinds) > 1:
        raise NotImplementedError("Layers of different parameterization cannot be combined here: use one for the whole network.")
    kind: Parameterization = "standard" if "standard" in kinds else "ntk"
    return _lowered(steps, kind), kind


def finite_refusals(steps: tuple[Step, ...]) -> Iterator[str]:
    """Why the finite network cannot be had."""
    for step in _all(steps):
        if isinstance(step, Whole) and step.refusal:
            yield step.refusal
        if isinstance(step, ScaledErf) and (step.c != 0.0 or step.a < 0.0 or step.b < 0.0):
            yield "Erf with c, or with a negative a or b, has kernels here but no finite network."


def _all(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Branches):
            for branch in step.branches:
                yield from _all(branch)


def _lowered(steps: tuple[Step, ...], kind: Parameterization) -> list[Layer]:
    found: list[Union[Layer, ScaledErf]] = []
    rest = list(steps)
    while rest:
        step = rest.pop(0)
        if isinstance(step, Whole):
            found.append(step.layer)
        elif isinstance(step, ScaledErf):
            found.append(step)
        elif isinstance(step, FanOut):
            found.append(_joined(step.num, rest, kind))
        elif isinstance(step, Branches):
            raise NotImplementedError(f"parallel: networks of several inputs are not supported: {_PATTERN}.")
        else:
            raise ValueError(f"A FanIn layer has no branches to join: {_PATTERN}.")
    return _erf_scales(found, kind)


def _joined(num: int, rest: list[Step], kind: Parameterization) -> Layer:
    """Everything between a FanOut, which has been taken off, and its FanIn."""
    branches: list[tuple[Step, ...]] = [()] * num
    while rest:
        step = rest.pop(0)
        if isinstance(step, FanIn):
            return layers.Parallel(*(_lowered(branch, kind) for branch in branches), combine=step.combine)
        if not isinstance(step, Branches):
            raise ValueError(f"FanOut({num}): expected parallel or a FanIn layer next, got {step!r}: {_PATTERN}.")
        if len(step.branches) != num:
            raise ValueError(f"FanOut({num}) is followed by {len(step.branches)} branches in parallel: {_PATTERN}.")
        branches = [before + more for before, more in zip(branches, step.branches)]
    raise ValueError(f"FanOut({num}): the branches are never joined: {_PATTERN}.")


_AFFINE = (layers.Dense, layers.Conv)


def _erf_scales(found: list[Union[Layer, ScaledErf]], kind: Parameterization) -> list[Layer]:
    """``a erf(b x) + c`` between two layers with weights, in terms of ``erf``.

    In NTK parameterization the layer before takes ``b`` into its two standard deviations and the layer behind takes ``a`` into that of
    its weights, which leaves the function of the parameters as it was. ``c`` adds ``w_std^2 c^2`` to the variance of the outputs, which
    for both kernels is what a bias does.
    """
    out: list[Union[Layer, ScaledErf]] = list(found)
    for at, step in enumerate(found):
        if not isinstance(step, ScaledErf):
            continue
        out[at] = PlainErf()
        if step == ScaledErf(1.0, 1.0, 0.0):
            continue
        if kind != "ntk":
            raise NotImplementedError("Erf with a, b or c changed is supported in the parameterization 'ntk' only.")
        if step.b != 1.0:
            before = out[at - 1] if at > 0 else None
            if not isinstance(before, _AFFINE):
                raise NotImplementedError(f"Erf with b = {step.b!r} must directly follow Dense or Conv here.")
            bias = None if before.b_std is None else before.b_std * abs(step.b)
            out[at - 1] = replace(before, w_std=before.w_std * abs(step.b), b_std=bias)
        if step.a == 1.0 and step.c == 0.0:
            continue
        behind = at + 1
        while behind < len(out) and isinstance(out[behind], (layers.Flatten, layers.GlobalAvgPool)):
            behind += 1
        after = out[behind] if behind < len(out) else None
        if not isinstance(after, _AFFINE) or (step.c != 0.0 and not isinstance(after, layers.Dense)):
            kinds = "Dense" if step.c != 0.0 else "Dense or Conv"
            raise NotImplementedError(f"Erf with a = {step.a!r} and c = {step.c!r} must be followed by {kinds} here.")
        bias = after.b_std
        if step.c != 0.0:
            bias = math.hypot(after.b_std or 0.0, after.w_std * step.c)
        out[behind] = replace(after, w_std=after.w_std * abs(step.a), b_std=bias)
    return [layer for layer in out if isinstance(layer, Layer)]
