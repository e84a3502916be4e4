"""A user's program, for `mypy --strict`: what the types promise."""

from typing import Any

import numpy as np
import numpy.typing as npt

import overparam as op


def network(width: int) -> op.Architecture:
    block = op.Residual(op.Relu(), op.Dense(width, w_std=1.4))
    return op.serial(op.Dense(width, w_std=1.5, b_std=0.1), block, op.Parallel([op.Relu()], combine="sum"), op.Dense(1))


def main() -> None:
    net = network(64)
    x: npt.NDArray[np.float64] = np.random.default_rng(0).standard_normal((10, 3))
    ntk: npt.NDArray[Any] = net.kernel(x)
    both: op.Kernels = net.kernel(x, kind=("nngp", "ntk"))
    covariance: npt.NDArray[Any] = both.nngp
    params: op.Params = net.init(0, 3)
    outputs: npt.NDArray[Any] = net.apply(params, x)
    descent: op.Descent = net.descend(params, x, x[:, 0], learning_rate=0.1, steps=3)
    empirical: npt.NDArray[Any] = net.empirical_ntk(descent.params, x, trace=True)
    linear: npt.NDArray[Any] = net.linearize(params)(descent.params, x)
    gaussian: op.predict.Gaussian = op.predict.Ensemble(net, x, x[:, 0]).predict(x[:2], time=3.0)
    fits: list[op.predict.RidgeFit] = op.predict.KernelRidge(ntk, x[:, 0]).path([0.1, 1.0])
    error: float = fits[0].leave_one_out_error
    risk: Any = op.linearized.random_features(2.0, 3.0, 0.1).risk
    rank: float = op.deep_linear.effective_rank(covariance)
    text: str = op.from_json(net.to_json()).describe(3)
    print(outputs, empirical, linear, gaussian.std, error, risk, rank, text)


if __name__ == "__main__":
    main()
