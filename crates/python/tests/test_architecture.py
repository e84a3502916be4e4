"""Networks as values: every entry of the schema, equality, hashes, pickles, JSON, descriptions, mistakes."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import overparam as op
from overparam import _core
from overparam._activations import ACTIVATIONS
from overparam._architecture import _CLASSES
from overparam._layers import LAYERS

#: One of each kind, with every field given.
EXAMPLES = [
    op.Dense(64, w_std=1.5, b_std=0.1),
    op.Conv(8, (3, 2), strides=(2, 1), padding="circular", w_std=1.1, b_std=0.2),
    op.AvgPool((2, 2), strides=(2, 2), padding="same"),
    op.SumPool((2, 1)),
    op.MaxPool((2, 2)),
    op.GlobalAvgPool(),
    op.GlobalSumPool(),
    op.Flatten(),
    op.LayerNorm(eps=1e-3),
    op.Dropout(0.9),
    op.GlobalSelfAttention(8, w_query_std=1.1, w_key_std=0.9, w_value_std=1.2, w_out_std=0.8, b_std=0.1),
    op.Residual(op.Relu(), op.Dense(4)),
    op.Parallel(op.Dense(4), [op.Relu(), op.Dense(4)], [], combine="concat"),
    op.Relu(),
    op.Abs(),
    op.LeakyRelu(0.2),
    op.AbRelu(0.3, 1.7),
    op.Erf(),
    op.Gelu(),
    op.Sin(1.1, 1.2, 0.3),
    op.Cos(1.1, 1.2, 0.3),
    op.Rbf(0.5),
    op.Exp(0.7, 0.9),
    op.Sign(),
    op.Monomial(3),
    op.RectifiedMonomial(2),
    op.Polynomial([0.5, 1.0, 0.25]),
    op.Hermite([0.0, 1.0, 0.5]),
    op.Tanh(),
    op.Sigmoid(),
    op.Softplus(),
    op.Silu(),
]


def test_every_entry_of_the_rust_tables_has_its_class() -> None:
    assert sorted(_CLASSES) == sorted(_core.layer_names() + _core.activation_names())
    assert {type(example) for example in EXAMPLES} == {*LAYERS, *ACTIVATIONS}


def test_every_class_is_public_and_documented() -> None:
    for kind in (*LAYERS, *ACTIVATIONS):
        assert getattr(op, kind.__name__) is kind
        assert kind.__doc__ and ">>>" in kind.__doc__, kind


@pytest.mark.parametrize("layer", EXAMPLES, ids=lambda layer: type(layer).__name__)
def test_a_layer_survives_json_pickle_copy_and_repr(layer: op.Layer) -> None:
    net = op.serial(layer)
    again = op.from_json(net.to_json())
    names = {name: getattr(op, name) for name in op.__all__}
    for other in [again.layers[0], pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), eval(repr(layer), names)]:
        assert other == layer and hash(other) == hash(layer) and repr(other) == repr(layer)
    for other in [again, pickle.loads(pickle.dumps(net)), copy.deepcopy(net), eval(repr(net), names)]:
        assert other == net and hash(other) == hash(net) and other.to_json() == net.to_json()


def test_the_same_function_is_the_same_layer() -> None:
    assert op.AbRelu(0.0, 1.0) == op.Relu() == op.LeakyRelu(0.0)
    assert op.Dense(8) == op.Dense(np.int64(8), w_std=np.float32(1.0))
    assert op.Dense(8) != op.Dense(8, b_std=0.0)
    assert op.Relu() != "relu"


def test_an_architecture_does_not_change() -> None:
    net = op.serial(op.Dense(8))
    with pytest.raises(AttributeError):
        net.layers = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.layers[0].width = 9  # type: ignore[attr-defined]


def test_networks_within_networks_are_their_layers() -> None:
    block = op.serial(op.Dense(8), op.Relu())
    assert op.serial(block, [block, op.Dense(1)]).layers == (*block.layers, *block.layers, op.Dense(1))
    assert op.Residual(block, op.Dense(8)) == op.Residual(op.Dense(8), op.Relu(), op.Dense(8))


def test_parameterization_is_kept() -> None:
    net = op.serial(op.Dense(8), op.Relu(), op.Dense(1), parameterization="standard")
    assert op.from_json(net.to_json()).parameterization == "standard"
    assert net != op.serial(*net.layers)
    assert repr(net).endswith("parameterization='standard')")


def test_describe_with_and_without_a_shape() -> None:
    net = op.serial(op.Dense(8, b_std=0.1), op.Residual(op.Relu(), op.Dense(8)), op.Dense(1))
    assert "1. dense w_std 1, b_std 0.1" in net.describe()
    assert "-> 8" in net.describe(3) and "input: 3" in net.describe((3,))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: op.Dense(0), ValueError, "Dense: field `width`: expected an integer >= 1, got 0"),
        (lambda: op.Dense(8, w_std=-1.0), ValueError, "w_std"),
        (lambda: op.Dense(8, w_std=float("nan")), ValueError, "Dense: w_std = nan: expected a finite number"),
        (lambda: op.Dense(None), ValueError, "`width` is missing"),
        (lambda: op.Dense("eight"), ValueError, "width"),
        (lambda: op.Dense(8, w_std=object()), TypeError, "w_std"),
        (lambda: op.Dropout(0.0), ValueError, "keep"),
        (lambda: op.Conv(8, 3), TypeError, "filter = 3"),
        (lambda: op.Conv(8, (3, 3, 3)), ValueError, "filter"),
        (lambda: op.Conv(8, (3, 3), padding="zeros"), ValueError, "padding"),
        (lambda: op.Monomial(21), ValueError, "degree"),
        (lambda: op.Polynomial([]), ValueError, "coefficients"),
        (lambda: op.Parallel(), ValueError, "at least one branch"),
        (lambda: op.serial(op.Relu), TypeError, r"write Relu\(\)"),
        (lambda: op.serial("relu"), TypeError, "expected layers"),
        (lambda: op.serial(op.Dense(1), parameterization="mup"), ValueError, "parameterization"),
        (lambda: op.from_json("{"), ValueError, "not valid JSON"),
        (lambda: op.from_json('{"layers": ["rleu"]}'), ValueError, "rleu"),
    ],
)
def test_mistakes_are_named(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
