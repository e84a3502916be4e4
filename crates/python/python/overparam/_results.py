"""What a calculator returns: a dictionary."""

from __future__ import annotations

from typing import Any


class Results(dict[str, Any]):
    """A dictionary of results; ``results.risk`` is ``results["risk"]``.

    >>> from overparam._results import Results
    >>> found = Results(risk=0.5)
    >>> found["risk"], found.risk, sorted(found)
    (0.5, 0.5, ['risk'])
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no result is called {name!r}; there are {', '.join(self)}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]
