"""op.stax and op.nt against neural-tangents: its values, its names, its defaults; and the sentences where they differ."""

import inspect
import math
import pickle
from typing import Any, Callable

import numpy as np
import pytest

from conftest import GOLDEN
from overparam import nt, stax
from test_finite import golden_params

# What neural-tangents 0.6.6 has, written down from its source.
STAX = {
    "ABRelu": "a, b, do_stabilize=False",
    "Abs": "do_stabilize=False",
    "AvgPool": "window_shape, strides=None, padding='VALID', normalize_edges=False, batch_axis=0, channel_axis=-1",
    "Conv": "out_chan, filter_shape, strides=None, padding='VALID', W_std=1.0, b_std=None, dimension_numbers=None, "
    "parameterization='ntk', s=(1, 1)",
    "Cos": "a=1.0, b=1.0, c=0.0",
    "Dense": "out_dim, W_std=1.0, b_std=None, batch_axis=0, channel_axis=-1, parameterization='ntk', s=(1, 1)",
    "Dropout": "rate, mode='train'",
    "ElementwiseNumerical": "fn, deg, df=None",
    "Erf": "a=1.0, b=1.0, c=0.0",
    "Exp": "a=1, b=1",
    "FanInConcat": "axis=-1",
    "FanInProd": "",
    "FanInSum": "",
    "FanOut": "num",
    "Flatten": "batch_axis=0, batch_axis_out=0",
    "Gelu": "approximate=False",
    "GlobalAvgPool": "batch_axis=0, channel_axis=-1",
    "GlobalSelfAttention": "n_chan_out, n_chan_key, n_chan_val, n_heads, linear_scaling=True, W_key_std=1.0, W_value_std=1.0, "
    "W_query_std=1.0, W_out_std=1.0, b_std=None, attention_mechanism='SOFTMAX', pos_emb_type='NONE', pos_emb_p_norm=2, "
    "pos_emb_decay_fn=None, n_chan_pos_emb=None, W_pos_emb_std=1.0, val_pos_emb=False, batch_axis=0, channel_axis=-1",
    "GlobalSumPool": "batch_axis=0, channel_axis=-1",
    "Hermite": "degree",
    "Identity": "",
    "LayerNorm": "axis=-1, eps=1e-12, batch_axis=0, channel_axis=-1",
    "LeakyRelu": "alpha, do_stabilize=False",
    "Monomial": "degree",
    "Polynomial": "coef",
    "Rbf": "gamma=1.0",
    "RectifiedMonomial": "degree",
    "Relu": "do_stabilize=False",
    "Sigmoid_like": "",
    "Sign": "",
    "Sin": "a=1.0, b=1.0, c=0.0",
    "SumPool": "window_shape, strides=None, padding='VALID', batch_axis=0, channel_axis=-1",
    "parallel": "*layers",
    "repeat": "layer, n",
    "serial": "*layers",
}
# There, names with a leading underscore follow; they are internal.
NT = {
    "batch": "kernel_fn, batch_size=0, device_count=-1, store_on_device=True",
    "empirical_kernel_fn": "f, trace_axes=(-1,), diagonal_axes=(), vmap_axes=None, implementation=1",
    "empirical_nngp_fn": "f, trace_axes=(-1,), diagonal_axes=()",
    "empirical_ntk_fn": "f, trace_axes=(-1,), diagonal_axes=(), vmap_axes=None, implementation=1",
    "linearize": "f, params",
    "monte_carlo_kernel_fn": "init_fn, apply_fn, key, n_samples, batch_size=0, device_count=-1, store_on_device=True, "
    "trace_axes=(-1,), diagonal_axes=(), vmap_axes=None, implementation=1",
    "taylor_expand": "f, params, degree",
}
PREDICT = {
    "gp_inference": "k_train_train, y_train, diag_reg=0.0, diag_reg_absolute_scale=False, trace_axes=(-1,)",
    "gradient_descent": "loss, k_train_train, y_train, learning_rate=1.0, momentum=None, trace_axes=(-1,)",
    "gradient_descent_mse": "k_train_train, y_train, learning_rate=1.0, diag_reg=0.0, diag_reg_absolute_scale=False, "
    "trace_axes=(-1,)",
    "gradient_descent_mse_ensemble": "kernel_fn, x_train, y_train, learning_rate=1.0, diag_reg=0.0, "
    "diag_reg_absolute_scale=False, trace_axes=(-1,), **kernel_fn_train_train_kwargs",
    "max_learning_rate": "ntk_train_train, y_train_size=None, momentum=0.0, eps=1e-12",
}


def bare(function: Callable[..., Any]) -> str:
    """A signature without its types."""
    signature = inspect.signature(function)
    parameters = []
    for parameter in signature.parameters.values():
        default = parameter.default
        if isinstance(default, nt.NtkImplementation):
            default = int(default)
        parameters.append(parameter.replace(annotation=inspect.Parameter.empty, default=default))
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)).strip("()") if parameters else ""


@pytest.mark.parametrize(
    ("module", "expected", "others"),
    [(stax, STAX, {"Padding", "StaxLayer"}), (nt, NT, {"Kernel", "NtkImplementation", "predict", "stax"}), (nt.predict, PREDICT, {"Gaussian"})],
)
def test_names_and_defaults(module: Any, expected: dict[str, str], others: set[str]) -> None:
    assert set(module.__all__) == set(expected) | others
    for name, signature in expected.items():
        assert bare(getattr(module, name)).strip("()") == signature.strip("()"), name


def test_defaults_of_the_functions_that_are_returned() -> None:
    _, _, kernel_fn = stax.Dense(1)
    assert bare(kernel_fn).startswith("x1, x2=None, get=None, *, pattern=None, mask_constant=None, diagonal_batch=None")
    one = np.ones((1, 1))
    mse = nt.predict.gradient_descent_mse(one, one)
    assert bare(mse) == "t=None, fx_train_0=0.0, fx_test_0=None, k_test_train=None"
    ode = nt.predict.gradient_descent(lambda f, y: np.mean((f - y) ** 2), one, one)
    assert bare(ode) == "t=None, fx_train_or_state_0=0.0, fx_test_0=None, k_test_train=None"
    assert bare(nt.predict.gp_inference(one, one)) == "get=None, k_test_train=None, k_test_test=None"
    ensemble = nt.predict.gradient_descent_mse_ensemble(kernel_fn, one, one)
    assert bare(ensemble) == "t=None, x_test=None, get=None, compute_cov=False, **kernel_fn_test_test_kwargs"


def stax_layer(document: dict[str, Any]) -> stax.StaxLayer:
    """A layer of golden.json in the words of neural-tangents, which it is in."""
    if document["op"] == "Residual":
        branch = stax.serial(*map(stax_layer, document["branch"]))
        return stax.serial(stax.FanOut(2), stax.parallel(branch, stax.Identity()), stax.FanInSum())
    given = {key: value for key, value in document.items() if key not in ("op", "out", "filter", "param")}
    if "param" in document:
        given["parameterization"] = document["param"]
    place = [document[key] for key in ("out", "filter") if key in document]
    return getattr(stax, document["op"])(*place, **given)  # type: ignore[no-any-return]


def data(golden: Any, case: dict[str, Any]) -> tuple[Any, Any]:
    found = golden["inputs"]["img" if "Conv" in str(case["layers"]) else "fc"]
    return np.array(found["x1"]["data"]), np.array(found["x2"]["data"])


def test_kernels_are_those_of_neural_tangents(golden: Any) -> None:
    for case in golden["kernels"]:
        _, _, kernel_fn = stax.serial(*map(stax_layer, case["layers"]))
        x1, x2 = data(golden, case)
        for pair, inputs in (("11", (x1, None)), ("12", (x1, x2))):
            both = kernel_fn(*inputs, ("ntk", "nngp"))
            assert both._fields == ("ntk", "nngp")
            assert type(both).__name__ == "AnalyticKernel"
            for kind in ("ntk", "nngp"):
                found = getattr(both, kind)
                assert np.array_equal(found, kernel_fn(*inputs, kind))
                assert np.array_equal(found, getattr(kernel_fn(*inputs), kind))
                name = f"{kind}_{pair}"
                np.testing.assert_allclose(found, case["mp40"][name], rtol=1e-9, atol=1e-12, err_msg=case["id"])
                # Its own rounding is known, and larger on the diagonal.
                theirs = max(1e-9, 4 * float(case["nt_rel_err_vs_mp40"][name]))
                np.testing.assert_allclose(found, case["nt"][name], rtol=theirs, atol=1e-12, err_msg=case["id"])


def test_finite_networks_are_those_of_neural_tangents(golden: Any) -> None:
    for case in golden["empirical"]:
        init_fn, apply_fn, _ = stax.serial(*map(stax_layer, case["layers"]))
        x1, x2 = data(golden, case)
        shape, _ = init_fn(0, x1.shape)
        assert shape == np.shape(case["f_x1"])
        assert init_fn(np.array([0, 5], dtype=np.uint32), (-1, *x1.shape[1:]))[0] == (-1, shape[1])
        params = golden_params(case, apply_fn.net, x1.shape[1:])
        close: Any = {"rtol": 1e-10, "atol": 1e-10}
        np.testing.assert_allclose(apply_fn(params, x1), case["f_x1"], **close)
        full = nt.empirical_ntk_fn(apply_fn, trace_axes=())
        np.testing.assert_allclose(full(x1, None, params), case["ntk_11_full"], **close)
        np.testing.assert_allclose(full(x1, x2, params), case["ntk_12_full"], **close)
        diagonal = nt.empirical_ntk_fn(apply_fn, trace_axes=(), diagonal_axes=(-1,))(x1, x2, params)
        np.testing.assert_allclose(diagonal, np.einsum("mncc->mnc", case["ntk_12_full"]), **close)
        both = nt.empirical_kernel_fn(apply_fn)(x1, x2, None, params)
        np.testing.assert_allclose(both.ntk, case["ntk_12_traced"], **close)
        nngp = nt.empirical_nngp_fn(apply_fn, trace_axes=())(x1, x2, params)
        np.testing.assert_allclose(nngp, case["nngp_12_full"], **close)
        np.testing.assert_allclose(both.nngp, np.einsum("mncc->mn", nngp) / shape[1], **close)
        moved = {name: 1.02 * leaf + 0.01 for name, leaf in params.items()}
        np.testing.assert_allclose(nt.linearize(apply_fn, params)(moved, x1), case["linearized_x1"], **close)
        np.testing.assert_allclose(nt.taylor_expand(apply_fn, params, 2)(moved, x1), case["taylor2_x1"], **close)


def time_of(case: dict[str, Any]) -> Any:
    return None if case["t"] in (None, "inf") else case["t"]


CLOSE: Any = {"rtol": 1e-8, "atol": 1e-9}


@pytest.fixture
def task(golden: Any) -> Any:
    names = ("y", "ntk_dd", "ntk_td", "nngp_dd", "nngp_td", "nngp_tt", "f0_train", "f0_test")
    return {name: np.array(golden["predict"][name]) for name in names}


def test_gradient_descent_mse(golden: Any, task: Any) -> None:
    for case in golden["predict"]["gradient_descent_mse"]:
        predict_fn = nt.predict.gradient_descent_mse(
            task["ntk_dd"], task["y"], learning_rate=case["learning_rate"], diag_reg=case["diag_reg"]
        )
        start = (task["f0_train"], task["f0_test"], task["ntk_td"])
        train, test = predict_fn(time_of(case), *start)
        np.testing.assert_allclose(train, case["f_train"], **CLOSE)
        np.testing.assert_allclose(test, case["f_test"], **CLOSE)
        several = predict_fn(np.full((2, 1), 0.5), *start)
        assert several[0].shape == (2, 1, 12, 1)
        assert several[1].shape == (2, 1, 5, 1)


def test_full_kernels_of_several_outputs(task: Any) -> None:
    y = np.hstack([task["y"], -2.0 * task["y"]])
    full = np.einsum("mn,ab->mnab", task["ntk_dd"], np.eye(2))
    cross = np.einsum("mn,ab->mnab", task["ntk_td"], np.eye(2))
    whole = nt.predict.gradient_descent_mse(full, y, trace_axes=())(2.0, 0.1, 0.2, cross)
    traced = nt.predict.gradient_descent_mse(task["ntk_dd"], y)(2.0, 0.1, 0.2, task["ntk_td"])
    for found, expected in zip(whole, traced):
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_gradient_descent_ode(golden: Any, task: Any) -> None:
    for scale in (1.0, 3.0):
        for case in golden["predict"]["gradient_descent_ode"]["cases"]:
            predict_fn = nt.predict.gradient_descent(
                lambda fx, y: scale * 0.5 * np.mean((fx - y) ** 2),
                task["ntk_dd"] / scale,
                task["y"],
                learning_rate=case["learning_rate"],
                momentum=case["momentum"],
            )
            train, test = predict_fn(case["t"], task["f0_train"], task["f0_test"], task["ntk_td"] / scale)
            # Its own tolerance is 1.4e-8 per step of the integrator.
            np.testing.assert_allclose(train, case["f_train"], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(test, case["f_test"], rtol=1e-5, atol=1e-6)


def test_momentum_counts_time_in_roots_of_the_learning_rate() -> None:
    rate, momentum, kernel, y = 0.25, 0.8, np.array([[2.0]]), np.array([[1.0]])
    predict_fn = nt.predict.gradient_descent(lambda f, y: 0.5 * np.mean((f - y) ** 2), kernel, y, rate, momentum)
    steps, parts = 3.0, 60_000
    f, q, dt = 0.0, 0.0, np.sqrt(rate) * steps / parts
    for _ in range(parts):
        f, q = f + dt * q, q + dt * ((momentum - 1.0) / np.sqrt(rate) * q - 2.0 * (f - 1.0))
    assert np.isclose(predict_fn(steps)[0, 0], f, atol=1e-4)


def test_ensembles(golden: Any, task: Any) -> None:
    predict = golden["predict"]
    _, _, kernel_fn = stax.serial(*map(stax_layer, predict["layers"]))
    a, b, c = golden["inputs"]["fc"]["abc"]

    def points(where: dict[str, int]) -> Any:
        i, j = np.arange(where["n"])[:, None] + where["i0"], np.arange(8)[None, :]
        return np.sin(a * i + b * j + c * i * j)

    x, x_test = points(predict["x_train"]), points(predict["x_test"])
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, task["y"])
    for case in predict["gradient_descent_mse_ensemble"]:
        test = predict_fn(time_of(case), x_test, case["get"], compute_cov=True)
        np.testing.assert_allclose(test.mean, case["mean_test"], **CLOSE)
        np.testing.assert_allclose(test.covariance, case["cov_test"], **CLOSE)
        train = predict_fn(time_of(case), None, case["get"], compute_cov=True)
        np.testing.assert_allclose(train.mean, case["mean_train"], **CLOSE)
        np.testing.assert_allclose(train.covariance, case["cov_train"], rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(predict_fn(time_of(case), x_test, case["get"]), case["mean_test"], **CLOSE)
    both = predict_fn(np.array([1.0, 10.0]), x_test)
    assert both._fields == ("nngp", "ntk")
    assert both.ntk.shape == (2, 5, 1)


def test_posteriors(golden: Any, task: Any) -> None:
    dd, td = nt.Kernel(task["nngp_dd"], task["ntk_dd"]), nt.Kernel(task["nngp_td"], task["ntk_td"])
    tt = nt.Kernel(task["nngp_tt"], np.array(golden["predict"]["ntk_tt"]))
    for case in golden["predict"]["gp_inference"]:
        predict_fn = nt.predict.gp_inference(
            dd, task["y"], diag_reg=case["diag_reg"], diag_reg_absolute_scale=case["diag_reg_absolute_scale"]
        )
        mean, covariance = predict_fn(case["get"], td, tt)
        np.testing.assert_allclose(mean, case["mean"], **CLOSE)
        np.testing.assert_allclose(covariance, case["cov"], **CLOSE)
        np.testing.assert_allclose(predict_fn(case["get"], td), case["mean"], **CLOSE)
    train = nt.predict.gp_inference(dd, task["y"])(None, None, True)
    assert np.array_equal(train.ntk.mean, task["y"])
    assert not train.nngp.covariance.any()


def test_ensemble_in_the_end_is_the_posterior_with_regularisation(task: Any) -> None:
    _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Erf(), stax.Dense(1))
    rng = np.random.default_rng(0)
    x, y, x_test = rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), rng.standard_normal((4, 3))
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y, diag_reg=0.3)
    inference = nt.predict.gp_inference(kernel_fn(x), y, diag_reg=0.3)
    for kind in ("nngp", "ntk"):
        found = predict_fn(None, x_test, kind, True)
        late = predict_fn(1e7, x_test, kind, True)
        expected = inference(kind, kernel_fn(x_test, x), kernel_fn(x_test))
        for one, two, three in zip(found, expected, late):
            np.testing.assert_allclose(one, two, **CLOSE)
            np.testing.assert_allclose(one, three, **CLOSE)


def test_learning_rates(golden: Any, task: Any) -> None:
    expected = golden["predict"]["max_learning_rate"]
    assert np.isclose(nt.predict.max_learning_rate(task["ntk_dd"], 12), expected["momentum0"])
    assert np.isclose(nt.predict.max_learning_rate(task["ntk_dd"], 12, momentum=0.9), expected["momentum0_9"])
    full = np.einsum("mn,ab->mnab", task["ntk_dd"], np.eye(2))
    assert np.isclose(nt.predict.max_learning_rate(full), 2.0 * expected["momentum0"])


X = np.random.default_rng(1).standard_normal((3, 4))
IMAGES = np.random.default_rng(2).standard_normal((2, 6, 6, 2))

NONLINEAR = [
    stax.ABRelu(0.1, 1.2), stax.Abs(), stax.Cos(), stax.Erf(0.7, 1.3), stax.Exp(b=0.5), stax.Gelu(), stax.Hermite(2),
    stax.LeakyRelu(0.2), stax.Monomial(2), stax.Polynomial([0.1, 1.0, 0.2]), stax.Rbf(0.5), stax.RectifiedMonomial(1),
    stax.Relu(do_stabilize=True), stax.Sin(0.5, 2.0, 0.1), stax.ElementwiseNumerical(np.tanh, 25),
]  # fmt: skip


@pytest.mark.parametrize("layer", NONLINEAR, ids=repr)
def test_wide_finite_networks_have_these_kernels(layer: stax.StaxLayer) -> None:
    init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(512, b_std=0.2), layer, stax.Dense(32))
    sampled = nt.monte_carlo_kernel_fn(init_fn, apply_fn, 0, 20)(0.5 * X, None, ("nngp", "ntk"))
    exact = kernel_fn(0.5 * X)
    np.testing.assert_allclose(sampled.nngp, exact.nngp, atol=0.25 * np.abs(exact.nngp).max())
    np.testing.assert_allclose(sampled.ntk, exact.ntk, atol=0.12 * np.abs(exact.ntk).max())


@pytest.mark.parametrize("c", [0.0, 0.4])
def test_scales_of_erf(c: float) -> None:
    """``a erf(b x) + c``, by quadrature."""
    a, b = 0.7, 1.3
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = X[:1]
    _, _, kernel_fn = stax.serial(stax.Dense(1, b_std=0.2), stax.Erf(a, b, c), stax.Dense(1, W_std=1.1, b_std=0.3))
    variance = float(np.mean(np.square(x)) + 0.04)
    erf = np.vectorize(math.erf)
    value = np.sum(weights * (a * erf(b * np.sqrt(variance) * nodes) + c) ** 2) / np.sqrt(2 * np.pi)
    slope = np.sum(weights * (2 * a * b / np.sqrt(np.pi) * np.exp(-((b * np.sqrt(variance) * nodes) ** 2))) ** 2)
    nngp = 1.21 * value + 0.09
    np.testing.assert_allclose(kernel_fn(x, None, "nngp"), nngp, rtol=1e-6)
    np.testing.assert_allclose(kernel_fn(x, None, "ntk"), nngp + 1.21 * variance * slope / np.sqrt(2 * np.pi), rtol=1e-6)


def test_images_and_pooling() -> None:
    for pool in (stax.AvgPool((2, 2)), stax.SumPool((2, 2), (2, 2)), stax.AvgPool((2, 2), None, "CIRCULAR", True)):
        for end in (stax.Flatten(), stax.GlobalAvgPool(), stax.GlobalSumPool()):
            net = stax.serial(stax.Conv(8, (3, 3), padding=stax.Padding.SAME), stax.Relu(), pool, end, stax.Dense(1))
            assert net[2](IMAGES, None, "ntk").shape == (2, 2)
            assert net[0](0, IMAGES.shape)[0] == (2, 1)
    sequence = stax.serial(stax.Conv(8, (3,), (2,)), stax.LayerNorm(), stax.GlobalAvgPool())
    assert sequence[2](IMAGES[:, :, 0], None, "nngp").shape == (2, 2)
    attention = stax.serial(stax.Conv(8, (1, 1)), stax.GlobalSelfAttention(8, 4, 4, 2, b_std=0.1), stax.GlobalAvgPool())
    assert attention[2](IMAGES).ntk.shape == (2, 2)


def test_branches() -> None:
    def branched(join: stax.StaxLayer) -> Any:
        inner = stax.serial(stax.FanOut(2), stax.parallel(stax.Dense(8), stax.Identity()), stax.FanInSum())
        branches = stax.parallel(stax.serial(stax.Dense(8), stax.Relu()), stax.Identity())
        more = stax.parallel(stax.Dense(8), inner)
        return stax.serial(stax.Dense(8), stax.FanOut(2), branches, more, join, stax.Dense(1))

    for join, combine in ((stax.FanInSum(), "sum"), (stax.FanInProd(), "product"), (stax.FanInConcat(), "concat")):
        net = branched(join)
        assert net[2].net.layers[1].combine == combine
        assert np.isfinite(net[2](X, None, "ntk")).all()
    assert pickle.loads(pickle.dumps(net))[2].net == net[2].net
    assert stax.repeat(stax.Relu(), 3).steps == stax.serial(stax.Relu(), stax.Relu(), stax.Relu()).steps


def test_dropout_sees_equal_inputs() -> None:
    _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Dropout(0.5), stax.Dense(1))
    assert np.array_equal(kernel_fn(X, X.copy(), "nngp"), kernel_fn(X, None, "nngp"))
    assert not np.allclose(kernel_fn(X, X[::-1], "nngp")[:, ::-1], kernel_fn(X, None, "nngp"))
    assert stax.Dropout(0.5, mode="test").steps == ()


def test_single_precision_batches_and_monte_carlo() -> None:
    init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(16), stax.Relu(), stax.Dense(2))
    assert nt.batch(kernel_fn, 2)(X.astype(np.float32), None, "ntk").dtype == np.float32
    sampler = nt.monte_carlo_kernel_fn(init_fn, apply_fn, 3, [1, 4])
    few, more = sampler(X, X[:2], "nngp")
    assert few.shape == more.shape == (3, 2)
    assert np.array_equal(more, nt.monte_carlo_kernel_fn(init_fn, apply_fn, 3, 4)(X, X[:2], "nngp"))
    predict_fn = nt.predict.gradient_descent_mse_ensemble(
        nt.monte_carlo_kernel_fn(init_fn, apply_fn, 3, 4), X, X[:, :2], diag_reg=1e-3
    )
    assert predict_fn(None, X, "ntk").shape == (3, 2)


NET = stax.serial(stax.Dense(4), stax.Relu(), stax.Dense(1))
ONE = np.ones((1, 1))

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: stax.Dense(1, batch_axis=1), NotImplementedError, "inputs must come first"),
    (lambda: stax.Dense(1, channel_axis=1), NotImplementedError, "channels must come last"),
    (lambda: stax.Dense(1, parameterization="mup"), ValueError, "'ntk' or 'standard'"),
    (lambda: stax.Dense(1, parameterization="standard", s=(1, 2)), NotImplementedError, "width scalings"),
    (lambda: stax.Conv(1, (3, 3), dimension_numbers=("NCHW", "OIHW", "NCHW")), NotImplementedError, "the default, is supported"),
    (lambda: stax.Conv(1, (3, 3, 3)), NotImplementedError, "sequences .* and images"),
    (lambda: stax.Conv(1, (3, 3), strides=(1,)), ValueError, "one stride for each axis"),
    (lambda: stax.Conv(1, (3, 3), padding="REFLECT"), ValueError, "'VALID', 'SAME' or 'CIRCULAR'"),
    (lambda: stax.AvgPool((2, 2), padding="SAME", normalize_edges=True), NotImplementedError, "the whole window"),
    (lambda: stax.Flatten(batch_axis_out=1), NotImplementedError, "inputs must come first"),
    (lambda: stax.LayerNorm(axis=(1, 2)), NotImplementedError, "only the channel axis"),
    (lambda: stax.Dropout(0.5, mode="eval"), ValueError, "'train' or 'test'"),
    (lambda: stax.Dropout(0.0), ValueError, "keep"),
    (lambda: stax.GlobalSelfAttention(1, 1, 1, 1, linear_scaling=False), NotImplementedError, "closed form"),
    (lambda: stax.GlobalSelfAttention(1, 1, 1, 1, attention_mechanism="RELU"), NotImplementedError, "only 'SOFTMAX'"),
    (lambda: stax.GlobalSelfAttention(1, 1, 1, 1, pos_emb_type="SUM"), NotImplementedError, "positional embeddings"),
    (lambda: stax.FanInConcat(0), NotImplementedError, "only the channel axis"),
    (lambda: stax.FanOut(0), ValueError, ">= 1"),
    (lambda: stax.Hermite(-1), ValueError, ">= 0"),
    (lambda: stax.ElementwiseNumerical(np.cbrt, 25), NotImplementedError, "others are not supported"),
    (lambda: stax.ElementwiseNumerical(lambda: 0.0, 25), TypeError, "a function of one number"),  # type: ignore[arg-type,misc]
    (lambda: stax.serial(stax.Relu), TypeError, "call it"),  # type: ignore[arg-type]
    (lambda: stax.serial(3), TypeError, "layers of overparam.stax"),  # type: ignore[arg-type]
    (lambda: stax.FanInSum()[2](X), ValueError, "no branches to join"),
    (lambda: stax.FanOut(2)[2](X), ValueError, "never joined"),
    (lambda: stax.serial(stax.FanOut(2), stax.Relu(), stax.FanInSum())[2](X), ValueError, "expected parallel"),
    (lambda: stax.serial(stax.FanOut(2), stax.parallel(stax.Relu()), stax.FanInSum())[2](X), ValueError, "1 branches"),
    (lambda: stax.parallel(stax.Dense(1), stax.Dense(1))[2](X), NotImplementedError, "several inputs"),
    (
        lambda: stax.serial(stax.Dense(1), stax.Dense(1, parameterization="standard"))[2](X),
        NotImplementedError,
        "one for the whole network",
    ),
    (lambda: stax.serial(stax.Dense(1), stax.Abs(), stax.Erf(b=2.0), stax.Dense(1))[2](X), NotImplementedError, "directly follow"),
    (lambda: stax.serial(stax.Dense(1), stax.Erf(a=2.0))[2](X), NotImplementedError, "must be followed by"),
    (
        lambda: stax.serial(stax.Dense(1, parameterization="standard"), stax.Erf(a=2.0))[2](X),
        NotImplementedError,
        "parameterization 'ntk' only",
    ),
    (lambda: stax.serial(stax.Dense(1), stax.Sigmoid_like(), stax.Dense(1))[0](0, (1, 4)), NotImplementedError, "no finite network"),
    (lambda: stax.serial(stax.Dense(1), stax.Gelu(True))[0](0, (1, 4)), NotImplementedError, "leave approximate out"),
    (lambda: stax.serial(stax.Dense(1), stax.Dropout(0.5))[1]({}, X), NotImplementedError, "mode='test'"),
    (lambda: stax.serial(stax.GlobalSelfAttention(1, 1, 1, 1))[1]({}, X), NotImplementedError, "finite network differs"),
    (lambda: NET[0](0, (4,)), ValueError, "number of inputs"),
    (lambda: NET[0]("seed", (1, 4)), TypeError, "JAX key"),
    (lambda: NET[1](NET[0](0, (1, 4))[1], X, mask=1), NotImplementedError, "masks"),
    (lambda: NET[2](X, None, "ntk", **{"mask_constant": 0.0}), NotImplementedError, "masks"),
    (lambda: NET[2](X, None, "ntk", **{"pattern": ()}), NotImplementedError, "graphs"),
    (lambda: NET[2](X, None, "ntk", **{"diagonal_batch": True}), NotImplementedError, "leave this argument out"),
    (lambda: NET[2](X, None, "ntk", **{"diagonal_spatial": True}), NotImplementedError, "leave this argument out"),
    (lambda: NET[2](X, None, "ntk", color=1), NotImplementedError, "no meaning"),
    (lambda: NET[2](X, None, "cov1"), NotImplementedError, "only 'nngp' and 'ntk'"),
    (lambda: NET[2](X, None, ()), ValueError, "one or more"),
    (lambda: NET[2](NET[2](X)), NotImplementedError, "compose the layers"),
    (lambda: nt.batch(3), TypeError, "expected a function"),  # type: ignore[arg-type]
    (lambda: nt.linearize(lambda params, x: x, {}), TypeError, "JAX's derivatives"),
    (lambda: nt.empirical_ntk_fn(NET[1], trace_axes=(0,)), NotImplementedError, "only the axis of the outputs"),
    (lambda: nt.empirical_ntk_fn(NET[1], diagonal_axes=(-1,)), NotImplementedError, "only the axis of the outputs"),
    (lambda: nt.monte_carlo_kernel_fn(print, NET[1], 0, 1), TypeError, "init_fn"),
    (lambda: nt.monte_carlo_kernel_fn(NET[0], NET[1], 0, 0), ValueError, ">= 1"),
    (lambda: nt.monte_carlo_kernel_fn(NET[0], NET[1], 0, [1.5]), TypeError, ">= 1"),  # type: ignore[list-item]
    (lambda: nt.predict.gradient_descent(lambda f, y: np.mean(np.abs(f - y)), ONE, ONE), NotImplementedError, "squared loss"),
    (
        lambda: nt.predict.gradient_descent(lambda f, y: np.mean((f - y) ** 2), ONE, ONE)(1.0, NET_STATE),
        NotImplementedError,
        "ODEState",
    ),
    (lambda: nt.predict.gradient_descent_mse(ONE, [1.0]), ValueError, "expected n x c"),
    (lambda: nt.predict.gradient_descent_mse(ONE, ONE, trace_axes=(0,)), NotImplementedError, r"only \(-1,\) and \(\)"),
    (lambda: nt.predict.gradient_descent_mse(ONE, ONE, trace_axes=()), ValueError, "n x n x c x c"),
    (lambda: nt.predict.gradient_descent_mse(ONE, ONE)(1.0, 0.0, 0.0), ValueError, "k_test_train is not"),
    (lambda: nt.predict.gradient_descent_mse(ONE, ONE)(1.0, None), ValueError, "both None"),
    (lambda: nt.predict.gradient_descent_mse(ONE, ONE)(1.0, np.ones(3)), ValueError, r"shape \(1, 1\)"),
    (lambda: nt.predict.gradient_descent_mse_ensemble(NET[2], X, X, trace_axes=()), NotImplementedError, "the default"),
    (lambda: nt.predict.gp_inference(ONE, ONE)("ntk", ONE, ONE), ValueError, "both kernels"),
    (lambda: nt.predict.gp_inference(NET[2](X, None, ("ntk",)), X)("nngp", X), ValueError, "named tuple with nngp"),
]


class NET_STATE:
    qx_train = None


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_differs_says_so(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_missing_names_say_so() -> None:
    for module, words in ((stax, "stax"), (nt, "nt")):
        for name in module._MISSING:
            with pytest.raises(AttributeError, match=f"neural-tangents has {words}.{name}, overparam does not"):
                getattr(module, name)
        with pytest.raises(AttributeError, match="has no attribute 'Densse'"):
            getattr(module, "Densse")


def test_the_golden_values_are_of_the_real_package() -> None:
    assert '"neural_tangents":"0.6.6"' in GOLDEN.read_text()[:100]
