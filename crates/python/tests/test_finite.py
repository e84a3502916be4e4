"""Finite networks: parameters by name, outputs, empirical kernels, expansions, descent."""

import pickle
from typing import Any

import numpy as np
import pytest

import overparam as op
from conftest import network


def golden_params(case: dict[str, Any], net: op.Architecture, d: int) -> op.Params:
    """The deterministic parameters of golden.json: per layer, W then b."""
    formula = case["param_formula"]
    params = net.init(0, d)
    for leaf, (name, value) in enumerate(params.items()):
        index = case["param_leaves"][leaf]["index"]
        flat = np.arange(1, value.size + 1)
        entries = formula["s"] * np.sin(formula["alpha"] * flat + formula["phase"] * (index + 1))
        params[name] = entries.reshape(value.shape)
    return params


def test_outputs_and_kernels_are_neural_tangents(golden: Any) -> None:
    for case in golden["empirical"]:
        net = network(case["layers"])
        data = golden["inputs"]["fc" if "Conv" not in str(case["layers"]) else "img"]
        x1, x2 = np.array(data["x1"]["data"]), np.array(data["x2"]["data"])
        params = golden_params(case, net, x1.shape[1:])
        # Biases there have axes of length one.
        assert [leaf.size for leaf in params.values()] == [np.prod(leaf["shape"]) for leaf in case["param_leaves"]]
        np.testing.assert_allclose(net.apply(params, x1), case["f_x1"], rtol=1e-11, atol=1e-11)
        full = net.empirical_ntk(params, x1, trace=False)
        np.testing.assert_allclose(full, case["ntk_11_full"], rtol=1e-10, atol=1e-10)
        traced = net.empirical_ntk(params, x1, x2)
        np.testing.assert_allclose(traced, case["ntk_12_traced"], rtol=1e-10, atol=1e-10)
        mean = np.einsum("ijaa->ij", net.empirical_ntk(params, x1, x2, trace=False)) / full.shape[-1]
        np.testing.assert_allclose(mean, traced, rtol=1e-10, atol=1e-10)
        moved = {name: 1.02 * leaf + 0.01 for name, leaf in params.items()}
        linear = net.linearize(params)
        np.testing.assert_allclose(linear(moved, x1), case["linearized_x1"], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(linear.taylor(moved, x1, 2), case["taylor2_x1"], rtol=1e-10, atol=1e-10)


@pytest.fixture
def cnn() -> op.Architecture:
    return op.serial(
        op.Conv(4, (2, 2), b_std=0.1), op.Residual(op.Relu(), op.Conv(4, (1, 1))), op.GlobalAvgPool(), op.Dense(3)
    )


def test_parameters_have_names_and_pickle(cnn: op.Architecture) -> None:
    params = cnn.init(3, (4, 4, 2))
    assert list(params) == [
        "layers[0].weight", "layers[0].bias", "layers[1].branches[0][1].weight", "layers[3].weight",
    ]  # fmt: skip
    again = pickle.loads(pickle.dumps(params))
    assert type(again) is op.Params and list(again) == list(params)
    for name, leaf in params.items():
        assert np.array_equal(again[name], leaf)
        assert np.array_equal(cnn.init(3, (4, 4, 2))[name], leaf)
    assert not np.array_equal(cnn.init(4, (4, 4, 2))["layers[3].weight"], params["layers[3].weight"])
    assert cnn.init(3, (4, 4, 2), dtype=np.float32)["layers[0].bias"].dtype == np.float32


def test_any_mapping_does_in_any_order_and_precision(cnn: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((5, 4, 4, 2))
    params = cnn.init(0, x.shape[1:])
    found = cnn.apply(params, x)
    assert found.shape == (5, 3) and found.dtype == np.float64
    backwards = {name: np.asfortranarray(params[name]) for name in reversed(list(params))}
    assert np.array_equal(cnn.apply(backwards, x), found)
    single = {name: leaf.astype(np.float32) for name, leaf in params.items()}
    assert cnn.apply(single, x.astype(np.float32)).dtype == np.float32
    assert cnn.apply(single, x).dtype == np.float64


def test_wrong_parameters_are_named(cnn: op.Architecture) -> None:
    x = np.ones((2, 4, 4, 2))
    params = cnn.init(0, x.shape[1:])
    less = {name: leaf for name, leaf in params.items() if name != "layers[0].bias"}
    with pytest.raises(ValueError, match=r"params: expected .*; missing layers\[0\]\.bias"):
        cnn.apply(less, x)
    with pytest.raises(ValueError, match="unknown extra"):
        cnn.apply({**params, "extra": np.ones(1)}, x)
    with pytest.raises(ValueError, match=r"params\['layers\[0\].bias'\]: expected shape \(4,\), got \(5,\)"):
        cnn.apply({**params, "layers[0].bias": np.ones(5)}, x)
    with pytest.raises(TypeError, match="expected a mapping"):
        cnn.apply(list(params.values()), x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x: .*not finite"):
        cnn.apply(params, np.full((2, 4, 4, 2), np.nan))


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (2**64, ValueError), (0.5, TypeError), (None, TypeError)])
def test_seeds(cnn: op.Architecture, seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="seed"):
        cnn.init(seed, (4, 4, 2))
    assert cnn.init(2**64 - 1, (4, 4, 2))


@pytest.mark.parametrize("shape", [0, -1, (), (2, 2, 2, 2), (-1, 3), 1.5, True])
def test_shapes(mlp: op.Architecture, shape: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        mlp.init(0, shape)


def test_wide_networks_have_the_infinite_kernel() -> None:
    net = op.serial(op.Dense(4096, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))
    x = np.random.default_rng(0).standard_normal((4, 3))
    found = net.empirical_ntk(net.init(0, 3), x)
    assert np.abs(found - net.kernel(x)).max() < 0.1 * net.kernel(x).max()


def test_expansions(mlp: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3))
    start = mlp.init(0, 3)
    moved = {name: leaf * 1.02 for name, leaf in start.items()}
    linear = mlp.linearize(start)
    exact = mlp.apply(moved, x)
    errors = [np.abs(linear.taylor(moved, x, order) - exact).max() for order in range(4)]
    assert errors == sorted(errors, reverse=True)
    assert np.array_equal(linear(moved, x), linear.taylor(moved, x, 1))
    assert np.allclose(linear(start, x), mlp.apply(start, x))


def test_descent_follows_the_loss(mlp: op.Architecture) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    start = mlp.init(0, 3)
    params, losses = mlp.descend(start, x, y, learning_rate=0.2, steps=30)
    assert losses.shape == (30,) and (np.diff(losses) < 0).all()
    first = np.mean((mlp.apply(start, x)[:, 0] - y) ** 2) / 2
    assert np.isclose(losses[0], first)
    # In two halves it is the same descent.
    half = mlp.descend(start, x, y, learning_rate=0.2, steps=15).params
    again, rest = mlp.descend(half, x, y[:, None], learning_rate=0.2, steps=15)
    for name in params:
        assert np.array_equal(params[name], again[name])
    assert np.array_equal(losses[15:], rest)
    with pytest.raises(ArithmeticError, match="diverged"):
        mlp.descend(start, x, y, learning_rate=1e4, steps=50)
    with pytest.raises(ValueError, match="y: expected|targets: expected"):
        mlp.descend(start, x, y[:3], learning_rate=0.2, steps=1)
