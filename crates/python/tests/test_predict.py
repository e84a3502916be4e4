"""Training in closed form against neural-tangents' own numbers, and against one another."""

import pickle
from typing import Any

import numpy as np
import pytest

import overparam as op
from conftest import network


@pytest.fixture
def task(golden: Any) -> dict[str, Any]:
    names = ("y", "ntk_dd", "ntk_td", "nngp_dd", "nngp_td", "nngp_tt", "f0_train", "f0_test")
    return {name: np.array(golden["predict"][name]) for name in names}


def test_descent_is_neural_tangents(golden: Any, task: dict[str, Any]) -> None:
    for case in golden["predict"]["gradient_descent_mse"]:
        dynamics = op.predict.Dynamics(task["ntk_dd"], task["y"], ridge=case["diag_reg"], relative=True)
        time = np.inf if case["t"] is None or case["t"] == "inf" else float(case["t"])
        when = {"time": time, "learning_rate": case["learning_rate"]}
        start = {"start": task["f0_train"]}
        test = dynamics.test(task["ntk_td"], **when, **start, test_start=task["f0_test"])
        np.testing.assert_allclose(test, np.array(case["f_test"]).reshape(test.shape), rtol=1e-8, atol=1e-9)
        if case["diag_reg"] == 0.0:
            train = dynamics.train(**when, **start)
            np.testing.assert_allclose(train, np.array(case["f_train"]).reshape(train.shape), rtol=1e-8, atol=1e-9)


def test_ensembles_are_neural_tangents(golden: Any, task: dict[str, Any]) -> None:
    prior = (task["nngp_dd"], task["nngp_td"], task["nngp_tt"])
    for case in golden["predict"]["gradient_descent_mse_ensemble"]:
        kernel = "ntk" if case["get"] == "ntk" else "nngp"
        dynamics = op.predict.Dynamics(task[f"{kernel}_dd"], task["y"])
        time = np.inf if case["t"] is None or case["t"] == "inf" else float(case["t"])
        mean, covariance = dynamics.ensemble(task[f"{kernel}_td"], prior, time=time)
        np.testing.assert_allclose(mean, np.array(case["mean_test"]).reshape(mean.shape), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(covariance, case["cov_test"], rtol=1e-8, atol=1e-9)


def test_posteriors_are_neural_tangents(golden: Any, task: dict[str, Any]) -> None:
    prior = (task["nngp_dd"], task["nngp_td"], task["nngp_tt"])
    for case in golden["predict"]["gp_inference"]:
        if case["get"] != "nngp":
            continue
        relative = not case["diag_reg_absolute_scale"]
        found = op.predict.posterior(prior, task["y"], noise=case["diag_reg"], relative=relative)
        np.testing.assert_allclose(found.mean, np.array(case["mean"]).reshape(found.mean.shape), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(found.covariance, case["cov"], rtol=1e-8, atol=1e-9)


def test_learning_rates(golden: Any, task: dict[str, Any]) -> None:
    dynamics = op.predict.Dynamics(task["ntk_dd"], task["y"])
    expected = golden["predict"]["max_learning_rate"]
    assert np.isclose(dynamics.eigenvalues[-1], expected["lambda_max"])
    assert np.isclose(dynamics.max_learning_rate(), expected["momentum0"])
    assert np.isclose(dynamics.max_learning_rate(0.9), expected["momentum0_9"])
    with pytest.raises(ValueError, match="momentum"):
        dynamics.max_learning_rate(1.0)


def problem(n: int = 20, m: int = 6, c: int = 2) -> tuple[op.Architecture, Any, Any, Any]:
    rng = np.random.default_rng(1)
    net = op.serial(op.Dense(64, w_std=1.4, b_std=0.2), op.Erf(), op.Dense(1))
    return net, rng.standard_normal((n, 4)), rng.standard_normal((n, c)), rng.standard_normal((m, 4))


def test_descent_of_one_step_and_of_none() -> None:
    net, x, y, _ = problem()
    kernel = net.kernel(x)
    dynamics = op.predict.Dynamics(kernel, y)
    assert np.allclose(dynamics.train(steps=0), 0.0)
    assert np.allclose(dynamics.train(steps=1, learning_rate=0.5), 0.5 * kernel @ y / y.size)
    assert np.allclose(dynamics.train(time=0.0), 0.0)
    assert np.allclose(dynamics.train(), y)
    few = dynamics.train(steps=3, learning_rate=0.5, momentum=0.5)
    before, now = np.zeros_like(y), np.zeros_like(y)
    for _ in range(3):
        before, now = now, now - 0.5 * kernel @ (now - y) / y.size + 0.5 * (now - before)
    assert np.allclose(few, now)
    with pytest.raises(ValueError, match="expected one of them"):
        dynamics.train(time=1.0, steps=1)
    with pytest.raises(ValueError, match="learning rate = -1"):
        dynamics.train(learning_rate=-1.0)


def test_a_finite_network_trains_like_its_kernel() -> None:
    """Gradient descent of a wide network against the closed form, one seed."""
    net = op.serial(op.Dense(4096, w_std=1.5, b_std=0.1), op.Erf(), op.Dense(1))
    rng = np.random.default_rng(0)
    x, y, x_test = rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal((3, 3))
    params = net.init(0, 3)
    trained = net.descend(params, x, y, learning_rate=0.5, steps=40).params
    dynamics = op.predict.Dynamics(net.kernel(x), y)
    found = dynamics.test(
        net.kernel(x_test, x),
        steps=40,
        learning_rate=0.5,
        start=net.apply(params, x)[:, 0],
        test_start=net.apply(params, x_test)[:, 0],
    )
    assert np.abs(found - net.apply(trained, x_test)[:, 0]).max() < 0.05


def test_ensembles_of_a_network_are_those_of_its_kernels() -> None:
    net, x, y, z = problem()
    ensemble = op.predict.Ensemble(net, x, y, ridge=0.1)
    mean, covariance = ensemble.predict(z, time=5.0)
    prior = (net.kernel(x, kind="nngp"), net.kernel(z, x, kind="nngp"), net.kernel(z, kind="nngp"))
    dynamics = op.predict.Dynamics(net.kernel(x), y, ridge=0.1)
    expected = dynamics.ensemble(net.kernel(z, x), prior, time=5.0)
    assert np.array_equal(mean, expected.mean) and np.array_equal(covariance, expected.covariance)
    assert np.allclose(ensemble.mean(z, time=5.0), mean)
    posterior = ensemble.posterior(z, noise=0.3)
    direct = prior[1] @ np.linalg.solve(prior[0] + 0.3 * np.eye(len(x)), y)
    assert np.allclose(posterior.mean, direct)
    _, determinant = np.linalg.slogdet(prior[0] + 0.3 * np.eye(len(x)))
    inverse = np.linalg.inv(prior[0] + 0.3 * np.eye(len(x)))
    n, c = y.shape
    evidence = -0.5 * (np.sum(y * (inverse @ y)) + c * (determinant + n * np.log(2 * np.pi)))
    assert np.isclose(ensemble.log_evidence(noise=0.3), evidence)


def test_one_output_as_numbers_and_as_a_column() -> None:
    net, x, y, z = problem(c=1)
    flat, column = op.predict.Ensemble(net, x, y[:, 0]), op.predict.Ensemble(net, x, y)
    assert flat.mean(z).shape == (len(z),) and column.mean(z).shape == (len(z), 1)
    assert np.array_equal(flat.mean(z), column.mean(z)[:, 0])
    assert flat.predict(z).std.shape == (len(z),)


def test_ridge_leave_one_out_is_leaving_one_out() -> None:
    net, x, y, _ = problem()
    kernel = net.kernel(x)
    fit = op.predict.KernelRidge(kernel, y).fit(0.2)
    assert np.allclose(fit.coefficients, np.linalg.solve(kernel + 0.2 * np.eye(len(x)), y))
    rest = op.predict.KernelRidge(kernel[1:, 1:], y[1:]).fit(0.2)
    assert np.allclose(fit.leave_one_out[0], y[0] - kernel[0, 1:] @ rest.coefficients)
    assert np.isclose(fit.degrees_of_freedom, np.trace(kernel @ np.linalg.inv(kernel + 0.2 * np.eye(len(x)))))
    path = op.predict.KernelRidge(kernel, y).path(np.geomspace(1e-3, 1e3, 7))
    best = op.predict.KernelRidge(kernel, y).best(np.geomspace(1e-3, 1e3, 7))
    assert best.leave_one_out_error == min(fit.leave_one_out_error for fit in path)


def test_pickles_answer_the_same() -> None:
    net, x, y, z = problem()
    ensemble = op.predict.Ensemble(net, x, y, ridge=0.1)
    again = pickle.loads(pickle.dumps(ensemble))
    assert np.array_equal(again.mean(z), ensemble.mean(z))
    ridge = op.predict.KernelRidge(net.kernel(x), y)
    assert np.array_equal(pickle.loads(pickle.dumps(ridge)).fit(0.1).coefficients, ridge.fit(0.1).coefficients)


@pytest.mark.parametrize(
    ("kernel", "y", "words"),
    [
        (np.ones((2, 3)), np.ones(2), "training kernel: expected n x n"),
        (np.eye(2), np.ones(3), "targets: expected 2 x c"),
        (np.eye(2), np.ones((2, 0)), "targets: expected"),
        (np.array([[np.nan]]), np.ones(1), "kernel: there is an entry that is not finite"),
        (np.eye(2), [np.inf, 1.0], "y: there is an entry that is not finite"),
        (np.ones(2), np.ones(2), "kernel: expected a matrix"),
    ],
)
def test_wrong_arrays_are_value_errors(kernel: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        op.predict.Dynamics(kernel, y)


def test_singular_kernels() -> None:
    dynamics = op.predict.Dynamics(np.ones((2, 2)), [1.0, -1.0])
    assert dynamics.rank == 1 and np.isclose(dynamics.least_loss(), 0.5)
    with pytest.raises(ValueError, match="ridge = 0"):
        op.predict.KernelRidge(np.ones((2, 2)), [1.0, -1.0]).fit(0.0)
    with pytest.raises(ValueError, match="positive definite"):
        op.predict.posterior((np.ones((2, 2)), np.ones((1, 2)), np.ones((1, 1))), [1.0, -1.0])


def test_the_predictions_of_the_golden_network(golden: Any, task: dict[str, Any]) -> None:
    """The whole way: from the network and its inputs."""
    data = golden["predict"]
    formula = golden["inputs"]["fc"]["abc"]
    columns = np.arange(np.shape(golden["inputs"]["fc"]["x1"]["data"])[1])

    def inputs(which: str) -> Any:
        i = np.arange(data[which]["n"])[:, None] + data[which]["i0"]
        a, b, c = formula
        return np.sin(a * i + b * columns + c * i * columns)

    net = network(data["layers"])
    x, z = inputs("x_train"), inputs("x_test")
    np.testing.assert_allclose(net.kernel(x), task["ntk_dd"], rtol=1e-7)
    np.testing.assert_allclose(net.kernel(z, x, kind="nngp"), task["nngp_td"], rtol=1e-7)
