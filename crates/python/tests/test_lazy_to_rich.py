"""What lies between lazy and rich, against values of independent programs, and against nets trained here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import overparam as op

CRATES = Path(__file__).parents[2]


def data(crate: str, name: str) -> Any:
    return json.loads((CRATES / crate / "tests" / "data" / f"{name}.json").read_text())


BALANCED = data("deep-linear", "balanced")
RICH = data("feature-flow", "rich_limit")
STAIRCASE = data("feature-flow", "staircase")
WIDTH = data("ntk", "finite_width")


def away(ours: Any, theirs: Any) -> float:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


@pytest.mark.parametrize("case", BALANCED["two_layers"])
def test_two_layers_from_balanced_starts(case: Any) -> None:
    moments = case["trajectory"]
    found = op.deep_linear.balanced(case["W1"], case["W2"], case["Sigma"], [m["t"] for m in moments])
    for name in ("W2W1", "W1tW1", "W2W2t"):
        assert away(found[name], [m[name] for m in moments]) < 1e-9
    assert away(found["limit_W2W1"], case["limit_W2W1"]) < 1e-9
    # The tangent kernel is that of the real weights, by differences; and it moves the product.
    W1, W2, Sigma = (np.array(case[name]) for name in ("W1", "W2", "Sigma"))
    c, d = Sigma.shape
    start = op.deep_linear.balanced(W1, W2, Sigma, 0.0)["ntk"]
    jacobian = []
    for layer in (W1, W2):
        for i in np.ndindex(layer.shape):
            old = layer[i]
            layer[i] = old + 0.5
            up = W2 @ W1
            layer[i] = old - 0.5
            jacobian.append((up - W2 @ W1).T.ravel())
            layer[i] = old
    assert away(start, np.transpose(jacobian) @ jacobian) < 1e-12
    late, middle, early = (op.deep_linear.balanced(W1, W2, Sigma, t) for t in (0.301, 0.3, 0.299))
    speed = (late["W2W1"] - early["W2W1"]) / 0.002
    error = (Sigma - middle["W2W1"]).T.ravel()
    assert away(speed, (middle["ntk"] @ error).reshape(d, c).T) < 1e-4 * (1 + np.abs(speed).max())


@pytest.mark.parametrize("case", BALANCED["aligned_mode"])
def test_aligned_modes(case: Any) -> None:
    found = op.deep_linear.aligned_mode(case["s0"], case["sigma"], case["lam"], case["t"])
    assert away(found, case["s"]) < 1e-9


@pytest.mark.parametrize("case", BALANCED["depth"])
def test_times_of_deep_modes(case: Any) -> None:
    found = op.deep_linear.depth_time(case["N"], case["s0"], case["sigma"], case["fraction"])
    assert abs(found / case["t"] - 1) < 1e-9
    back = op.deep_linear.deep_mode(found, depth=case["N"], start=case["s0"], sigma=case["sigma"])
    assert back / case["sigma"] == pytest.approx(case["fraction"], rel=1e-9)


@pytest.mark.parametrize("case", RICH["grid"])
def test_rich_limits_on_a_grid(case: Any) -> None:
    found = op.feature_flow.rich_limit(case["K"], case["y"], case["gamma"], case["t"], phi=case["phi"])
    # Ten decimals are printed of outputs, nine of kernels; the stated errors are those of the nodes, ours of nodes and time steps.
    assert away(found["f"], case["f"]) < case["abs_error_f"] + found["f_error"] + 1e-10
    # A stated error that means something: twice the distance from coarser grids, 1.3e-4 at richness 2 (4.4e-6 is the truth).
    assert found["f_error"] < 2e-4
    kernels = case["abs_error_kernels"] + found["kernel_error"] + 5e-10
    assert away(found["Phi"], case["Phi"]) < kernels and away(found["G"], case["G"]) < kernels


@pytest.mark.parametrize("case", RICH["monte_carlo"])
def test_rich_limits_by_samples(case: Any) -> None:
    x = np.array(case["X"])
    found = op.feature_flow.rich_limit(x @ x.T / x.shape[1], case["y"], case["gamma"], case["t"], phi=case["phi"])
    stated = case["standard_error_f"], case["standard_error_kernels"]
    assert away(found["f"], case["f"]) < 4 * np.hypot(stated[0], found["f_error"])
    instants = np.arange(len(case["t"]))
    for name in ("Phi", "G"):
        at = found[name][instants, instants]
        assert away(at, case[f"{name}_tt"]) < 4 * np.hypot(stated[1], found["kernel_error"])


@pytest.mark.parametrize("case", RICH["linear"])
def test_linear_units(case: Any) -> None:
    found = op.feature_flow.rich_limit(case["K"], case["y"], case["gamma"], case["t"], phi="linear")
    assert away(found["f"], case["f"]) < 2e-9
    instants = np.arange(len(case["t"]))
    # Phi(t, t) = H = E h h^T, and every entry of G(t, t) is C = E a^2.
    assert away(found["Phi"][instants, instants], case["H"]) < max(1e-6, 4 * found["kernel_error"])
    assert away(found["G"][instants, instants, 0, 0], case["C"]) < max(1e-6, 4 * found["kernel_error"])


@pytest.mark.parametrize("case", RICH["fluctuations"])
def test_fluctuations(case: Any) -> None:
    found = op.feature_flow.rich_limit(
        case["K"], case["y"], case["gamma"], case["t"], phi=case["phi"], fluctuations=True, step=0.4
    )
    assert away(found["m_cov_f"], case["m_times_cov_f"]) < case["abs_error"]


def test_no_richness_is_the_tangent_kernel() -> None:
    K, y, t = np.array([[1.0, 0.3], [0.3, 0.8]]), np.array([1.0, -0.5]), 1.5
    lazy = op.feature_flow.rich_limit(K, y, 0.0, t, phi="erf")
    values, vectors = np.linalg.eigh(lazy["ntk"])
    assert away(lazy["f"], vectors @ ((1 - np.exp(-values * t)) * (vectors.T @ y))) < 1e-12
    # The kernel of this package's own architectures: erf(x) there is erf(x) here.
    root = np.linalg.cholesky(K) * np.sqrt(2)
    net = op.serial(op.Dense(1), op.Erf(), op.Dense(1))
    assert away(lazy["ntk"], net.kernel(root, kind="ntk")) < 1e-9
    near = [away(op.feature_flow.rich_limit(K, y, gamma, t, phi="erf")["f"], lazy["f"]) for gamma in (0.2, 0.1)]
    assert np.log2(near[0] / near[1]) == pytest.approx(2.0, abs=0.1)


def test_a_net_of_finite_width_is_near_the_limit() -> None:
    """Gradient descent on the real loss of a net with its weights, at two widths, within four predicted standard errors."""
    x = np.array([[0.9, 0.5, -0.3], [-0.4, 1.1, 0.2]])
    K, y, gamma, time, steps = x @ x.T / 3, np.array([1.0, -0.5]), 1.3, 1.0, 400
    limit = op.feature_flow.rich_limit(K, y, gamma, time, fluctuations=True, step=0.4)
    rng, nets = np.random.default_rng(3), 40
    for m in (128, 1024):
        outputs = []
        for _ in range(nets):
            a, w = rng.standard_normal(m), rng.standard_normal((m, 3))
            for _ in range(steps):
                phi = np.tanh(w @ x.T / np.sqrt(3))
                delta = y - a @ phi / (gamma * m)
                of_a = gamma * phi @ delta
                of_w = gamma * ((a[:, None] * (1 - phi**2)) * delta) @ x / np.sqrt(3)
                a, w = a + time / steps * of_a, w + time / steps * of_w
            outputs.append(a @ np.tanh(w @ x.T / np.sqrt(3)) / (gamma * m))
        mean = np.mean(outputs, axis=0)
        error = np.sqrt(np.diag(limit["m_cov_f"]) / (m * nets))
        # Descent in steps and the mean's bias add what is of order 1/steps and 1/m.
        assert (np.abs(mean - limit["f"]) < 4 * error + 1 / steps + 1 / m).all()
        ratio = np.var(outputs, axis=0, ddof=1) * m / np.diag(limit["m_cov_f"])
        assert (np.abs(ratio - 1) < 4 * np.sqrt(2 / (nets - 1))).all()


@pytest.mark.parametrize("case", WIDTH["two_layer"])
def test_two_relu_layers_at_finite_width(case: Any) -> None:
    found = op.ntk.finite_width_relu(case["t"])
    for name in ("mean", "n_times_variance"):
        assert abs(found[name] - case[name]) < 1e-10
        assert op.ntk.finite_width_relu([case["t"]])[name].shape == (1,)


@pytest.mark.parametrize("case", WIDTH["deep"])
def test_deep_relu_nets_at_finite_width(case: Any) -> None:
    found = op.ntk.finite_width_relu_deep(case["widths"])
    for name in ("mean", "second_moment", "f2", "f4"):
        assert found[name] == pytest.approx(case[name], rel=1e-10)


@pytest.mark.parametrize("case", WIDTH["second_order"])
def test_the_first_order_beyond_the_kernel(case: Any) -> None:
    found = op.ntk.finite_width_second_order(case["K"], case["y"], case["t"], case["phi"])
    assert away(found["Theta0"], case["Theta0"]) < 1e-9
    # The last of these golden values of f2 is off by 2.4e-9.
    for name, tolerance in (("f0", 1e-9), ("Theta2", 1e-9), ("f2", 5e-9)):
        assert away(found[name], case[name]) < tolerance


@pytest.mark.parametrize("case", STAIRCASE["flows"])
def test_staircases(case: Any) -> None:
    found = op.feature_flow.staircase(case["P"], case["terms"], case["s0"], case["b0"], case["t"])
    assert away(found["risk"], case["risk"]) < 1e-6
    one = op.feature_flow.staircase(case["P"], case["terms"], case["s0"], case["b0"], case["t"][-1])
    assert one["risk"] == found.risk[-1]
    # The risk is the energy of what is missing (Parseval).
    target = np.zeros(2 ** case["P"])
    for coefficient, signs in case["terms"]:
        target[sum(2**i for i in signs)] = coefficient
    assert away(((found["fourier"] - target) ** 2).sum(axis=1) / 2, found["risk"]) < 1e-12


def test_what_makes_no_sense_is_refused() -> None:
    K, y = [[1.0, 0.3], [0.3, 0.8]], [1.0, -0.5]
    rich, balanced = op.feature_flow.rich_limit, op.deep_linear.balanced
    for call, words in (
        (lambda: rich(K, y, -1.0, 1.0), "gamma = -1.0"),
        (lambda: rich(K, y, 1.0, [2.0, 1.0]), "ascending order"),
        (lambda: rich(K, y, 1.0, -1.0), "t = -1.0"),
        (lambda: rich([[1.0, 2.0], [2.0, 1.0]], y, 1.0, 1.0), "eigenvalue"),
        (lambda: rich(K, [1.0, 2.0, 3.0], 1.0, 1.0), "number of targets"),
        (lambda: rich(K, y, 1.0, 1.0, phi="x"), "tanh, relu, erf"),
        (lambda: rich(K, y, 0.0, 1.0, fluctuations=True), "gamma > 0"),
        (lambda: rich(K, y, 1.0, 1.0, phi="relu", fluctuations=True, step=0.5), "kink"),
        (lambda: balanced(np.diag([1.0, 2.0]), np.eye(2), np.eye(2), 1.0), "lambda-balanced"),
        (lambda: op.deep_linear.depth_time(3, 0.1, 1.0, 1.0), "fraction"),
        (lambda: op.deep_linear.aligned_mode(0.1, 1.0, 0.0, -1.0), "time of a mode"),
        (lambda: op.ntk.finite_width_relu(1.5), "cosine"),
        (lambda: op.ntk.finite_width_relu_deep([4]), "widths"),
        (lambda: op.ntk.finite_width_second_order(np.eye(4), [1.0], 1.0), "rank"),
        (lambda: op.feature_flow.staircase(2, [(1.0, [2])], 1.0, 0.5, 1.0), "coordinate"),
        (lambda: op.feature_flow.staircase(2, [(1.0, [0]), (2.0, [0])], 1.0, 0.5, 1.0), "once"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_deep_linear_limits() -> None:
    K, y = np.array([[1.0, 0.3], [0.3, 0.8]]), np.array([1.0, -0.5])
    # One hidden layer: the closed equation of moments.
    two = op.feature_flow.deep_linear_limit(K, y, 1.5, [0.5, 1.0], hidden_layers=1)
    closed = op.feature_flow.rich_limit(K, y, 1.5, [0.5, 1.0], phi="linear", step=0.5)
    assert away(two["f"], closed["f"]) < two["f_error"] + closed["f_error"]
    # The tangent kernel moves the outputs; at the start it is (L + 1) K.
    deep = op.feature_flow.deep_linear_limit(K, y, 1.5, [0.0, 0.38, 0.4, 0.42], hidden_layers=3, step=0.02)
    assert away(deep["ntk"][0], 4 * K) < 1e-12
    speed = (deep["f"][3] - deep["f"][1]) / 0.04
    assert away(speed, deep["ntk"][2] @ (y - deep["f"][2])) < 0.01 * np.abs(speed).max()
    assert deep["H"].shape == (4, 3, 2, 2) and deep["G"].shape == (4, 3)
    with pytest.raises(ValueError, match="hidden_layers"):
        op.feature_flow.deep_linear_limit(K, y, 1.0, 1.0, hidden_layers=0)
    with pytest.raises(ValueError, match="gamma"):
        op.feature_flow.deep_linear_limit(K, y, 0.0, 1.0)


def test_coordinates_are_checked() -> None:
    rng = np.random.default_rng(0)
    net = op.serial(
        op.Dense(16, w_std=1.4),
        op.Relu(),
        op.Residual(op.Dense(16, w_std=1.4), op.Relu(), op.Dense(16)),
        op.Dense(2),
    )
    x, y = rng.standard_normal((16, 4)), rng.standard_normal((16, 2))
    widths = [32, 64, 128, 256]
    found = op.ntk.coordinate_check(net, x, y, widths=widths, base_width=16, seeds=8, tolerance=0.25)
    assert [row["layer"] for row in found] == [
        "layers[0]",
        "layers[2].branches[0][0]",
        "layers[2].branches[0][2]",
        "layers[3]",
        "output",
    ]
    assert all(row["as_promised"] for row in found)
    standard = op.ntk.coordinate_check(net, x, y, widths=widths, base_width=16, seeds=8, parameterization="standard")
    assert standard[-1]["promised_change"] == ("exactly", 1.0)
    assert abs(standard[-1]["change_exponent"] - 1.0) < 0.25
    slopes = np.polyfit(np.log(widths), np.log(standard[-1]["changes"]), 1)
    assert abs(slopes[0] - standard[-1]["change_exponent"]) < 1e-9
    assert all(row["size_error"] > 0.0 and row["change_error"] > 0.0 for row in standard)
    with pytest.raises(ValueError, match="widths"):
        op.ntk.coordinate_check(net, x, y, widths=[32], base_width=16)
    with pytest.raises(ValueError, match="width 16 times 33/32"):
        op.ntk.coordinate_check(net, x, y, widths=[33, 65], base_width=32)
    with pytest.raises(ValueError, match="tolerance = -1.0"):
        op.ntk.coordinate_check(net, x, y, widths=widths, base_width=16, tolerance=-1.0)
    with pytest.raises(ValueError, match="parameterization"):
        op.ntk.coordinate_check(net, x, y, widths=widths, base_width=16, parameterization="meanfield")  # type: ignore[arg-type]


def test_strong_staircases_have_enough_nodes() -> None:
    terms = [(0.5, []), (-2.0, [1]), (1.0, [0, 1])]
    found = op.feature_flow.staircase(2, terms, 0.5, 1.0, [1.0, 4.0, 10.0])
    # An independent program with 300 nodes and steps of 0.005.
    assert away(found["risk"], [2.08085728, 0.27848124, 0.02690575]) < 1e-7
    assert found["error"] < 1e-7
