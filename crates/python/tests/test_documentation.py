"""Every public function has a docstring with an example, and all examples run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

import overparam as op
import readme

MODULES = ["overparam", *(f"overparam.{module.name}" for module in pkgutil.iter_modules(op.__path__) if module.name != "_core")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_the_book() -> None:
    page = Path(__file__).parents[3] / "docs" / "python.md"
    blocks = re.findall(r"```pycon\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    assert len(blocks) > 4
    text = "\n\n".join(blocks)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_readme() -> None:
    readme.main()


def public() -> Iterator[tuple[str, Any]]:
    """Public functions and classes of the package and of its public modules."""
    for name in op.__all__:
        member = getattr(op, name)
        if inspect.ismodule(member):
            for inner in member.__all__:
                yield f"{name}.{inner}", getattr(member, inner)
        elif callable(member):
            yield name, member


def test_everything_public_has_a_docstring_with_an_example() -> None:
    for name, member in public():
        assert member.__doc__, name
        if inspect.isclass(member) and issubclass(member, tuple):
            continue
        parts = [member.__doc__]
        if inspect.isclass(member):
            methods = [value for key, value in vars(member).items() if inspect.isfunction(value) and not key.startswith("_")]
            for method in methods:
                assert method.__doc__, f"{name}.{method.__name__}"
            parts += [method.__doc__ for method in methods]
        assert any(">>>" in part for part in parts), f"{name} has no example"
