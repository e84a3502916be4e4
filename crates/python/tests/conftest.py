"""What all tests share: golden values of the Rust tests, and networks of their layers."""

import json
from pathlib import Path
from typing import Any

import pytest

import overparam as op

GOLDEN = Path(__file__).parents[2] / "ntk" / "tests" / "data" / "golden.json"


def layer(document: dict[str, Any]) -> op.Layer:
    """A layer in the words of golden.json."""
    kind = document["op"]
    if kind == "Residual":
        return op.Residual(*map(layer, document["branch"]))
    bias = document.get("b_std") or None
    if document.get("param") == "standard":
        bias = document["b_std"]
    if kind == "Dense":
        return op.Dense(document["out"], w_std=document["W_std"], b_std=bias)
    if kind == "Conv":
        return op.Conv(
            document["out"],
            document["filter"],
            strides=document["strides"],
            padding=document["padding"].lower(),
            w_std=document["W_std"],
            b_std=bias,
        )
    return getattr(op, kind)()


def network(documents: list[dict[str, Any]]) -> op.Architecture:
    """A network in the words of golden.json."""
    kinds = {document["param"] for document in documents if "param" in document}
    return op.serial(*map(layer, documents), parameterization="standard" if "standard" in kinds else "ntk")


@pytest.fixture(scope="session")
def golden() -> Any:
    """Values of a 40-digit reference and of neural-tangents."""
    return json.loads(GOLDEN.read_text())


@pytest.fixture
def mlp() -> op.Architecture:
    return op.serial(op.Dense(64, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(64, w_std=1.2), op.Erf(), op.Dense(1))
