# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Wide networks train like their kernel
#
# Gradient descent moves all parameters of a network, but the wider it is, the less each of them has to move. In the limit the
# outputs follow a linear equation whose kernel, the NTK, never changes (Jacot et al. 2018; Lee et al. 2019). Here we train finite
# networks and see how far they are from that limit, and how the distance falls with the width.

# %%
import numpy as np

import overparam as op

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the pictures are missing
    plt = None


def network(width: int) -> op.Architecture:
    return op.serial(op.Dense(width, w_std=2**0.5), op.Relu(), op.Dense(1))


rng = np.random.default_rng(0)
x = rng.normal(size=(16, 4))
x *= 2.0 / np.linalg.norm(x, axis=1, keepdims=True)
y = np.sign(x[:, 0] * x[:, 1])

# %% [markdown]
# ## What the kernel says
#
# The prediction takes the kernel of the limit and the initial outputs, which differ from seed to seed.

# %%
limit = op.predict.Dynamics(network(1).kernel(x), y)
rate, steps = 0.5 * float(limit.max_learning_rate()), 150
times = np.arange(0, steps, 5)


def compare(width: int, seed: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Losses of descent and of the kernel, how far the outputs are apart in the end, and how far the parameters have moved."""
    net = network(width)
    start = net.init(seed, 4)
    before = net.apply(start, x)[:, 0]
    run = net.descend(start, x, y, learning_rate=rate, steps=steps)
    predicted = [limit.train(steps=int(step), learning_rate=rate, start=before) for step in times]
    losses = np.array([np.mean((outputs - y) ** 2) / 2 for outputs in predicted])
    end = limit.train(steps=steps, learning_rate=rate, start=before)
    apart = float(np.sqrt(np.mean((net.apply(run.params, x)[:, 0] - end) ** 2)))
    moved = float(np.max([np.abs(run.params[name] - start[name]).max() for name in start]))
    return run.losses[times], losses, apart, moved


widths = [64, 512, 4096, 16384]
found = {width: [compare(width, seed) for seed in range(4)] for width in widths}

# %% [markdown]
# The loss of the narrow network leaves the prediction early. That of the wide one stays close to it.

# %%
off = {width: np.mean([np.abs(np.log(run[0] / run[1])).max() for run in found[width]]) for width in widths}
print("largest logarithm of loss over predicted loss:", ", ".join(f"{width}: {value:.2f}" for width, value in off.items()))
assert off[16384] < 0.3
assert off[16384] < 0.5 * off[64]

if plt is not None:
    _, axes = plt.subplots(1, len(widths), figsize=(13, 3), sharey=True)
    for axis, width in zip(axes, widths):
        axis.semilogy(times, found[width][0][0], label="network")
        axis.semilogy(times, found[width][0][1], "k--", label="kernel")
        axis.set_title(f"width {width}")
    axes[0].legend()
    plt.show()

# %% [markdown]
# ## How the distance falls
#
# Theory says that outputs differ by the order of one over the root of the width, and so does the largest change of a parameter. A
# line through the logarithms gives the exponents, which at these widths are still on their way to -1/2.

# %%
apart = np.array([np.mean([run[2] for run in found[width]]) for width in widths])
moved = np.array([np.mean([run[3] for run in found[width]]) for width in widths])
slopes = [np.polyfit(np.log(widths), np.log(values), 1)[0] for values in (apart, moved)]
print(f"outputs differ like width^{slopes[0]:.2f}; the largest change of a parameter is like width^{slopes[1]:.2f}")
assert apart[-1] < 0.5 * apart[0]
assert -0.9 < slopes[0] < -0.2
assert -0.9 < slopes[1] < -0.2

if plt is not None:
    plt.loglog(widths, apart, "o-", label="outputs: network minus kernel")
    plt.loglog(widths, moved, "s-", label="largest change of a parameter")
    plt.loglog(widths, apart[0] * np.sqrt(widths[0] / np.array(widths)), "k:", label="one over the root of the width")
    plt.xlabel("width")
    plt.legend()
    plt.show()

# %% [markdown]
# ## The linearized network
#
# Between the finite network and the limit there is the network that is linear in its parameters around their initial values. Its kernel is the
# empirical NTK, which is random, and tends to that of the limit.

# %%
distances = []
for width in widths:
    net = network(width)
    empirical = net.empirical_ntk(net.init(0, 4), x)
    distances.append(np.linalg.norm(empirical - net.kernel(x)) / np.linalg.norm(net.kernel(x)))
print(", ".join(f"{width}: {distance:.3f}" for width, distance in zip(widths, distances)))
assert distances[-1] < 0.5 * distances[0]
