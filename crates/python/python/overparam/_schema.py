"""How layers stand in the schema: one JSON document, read and checked by the Rust half alone."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
from typing import Any, ClassVar

from . import _core


def plain(value: Any, where: str) -> Any:
    """A value as JSON has it; NumPy's scalars become Python's."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(entry, where) for entry in value]
    try:
        return operator.index(value)
    except TypeError:
        pass
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{where} = {value!r}: expected a number, a word or a list of numbers") from None
    if not math.isfinite(number):
        raise ValueError(f"{where} = {value!r}: expected a finite number")
    return number


class Layer:
    """One layer of an :class:`Architecture`.

    Layers are plain values: they compare equal if they are the same function, they can be hashed and pickled, and their
    attributes do not change. Two layers, or a layer and an architecture, are put one after the other by :func:`serial`.

    >>> import overparam as op
    >>> isinstance(op.Relu(), op.Layer), op.Relu() == op.LeakyRelu(0.0)
    (True, True)
    """

    _name: ClassVar[str]

    def _document(self) -> Any:
        """The layer as the schema has it, as given."""
        fields = {
            field.name: plain(getattr(self, field.name), f"{type(self).__name__}: {field.name}")
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
        return {self._name: {name: value for name, value in fields.items() if value is not None}}

    def _canonical(self) -> str:
        return canonical("ntk", [self._document()])

    def __post_init__(self) -> None:
        try:
            self._canonical()
        except ValueError as error:
            # The layer stands alone: its number says nothing.
            message = str(error).removeprefix(f"layer 1 ({self._name})").lstrip(",: ")
            raise ValueError(f"{type(self).__name__}: {message}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layer):
            return NotImplemented
        return self._canonical() == other._canonical()

    def __hash__(self) -> int:
        return hash(self._canonical())

    def __repr__(self) -> str:
        parts = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING:
                parts.append(repr(value))
            elif value != field.default:
                parts.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


def canonical(parameterization: str, layers: list[Any]) -> str:
    """An architecture in the schema's own words."""
    return _core.canonical(json.dumps({"parameterization": parameterization, "layers": layers}))
