"""Progress bars by tqdm, where it is installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator, Optional


@contextmanager
def bar(wanted: bool, total: int, unit: str, name: str) -> Iterator[Optional[Callable[[int], None]]]:
    """A function to be told how much is done; ``None`` if no bar is wanted or tqdm is not there."""
    try:
        if not wanted:
            raise ImportError
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        yield None
        return
    with tqdm(total=total, unit=unit, desc=name, unit_scale=True, leave=False) as shown:
        yield lambda done: _advance(shown, done)
        _advance(shown, total)


def _advance(shown: object, done: int) -> None:
    shown.update(done - shown.n)  # type: ignore[attr-defined]
