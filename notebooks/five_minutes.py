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
# # Five minutes
#
# An infinitely wide network is a Gaussian process before training, and stays one during training. Both have a kernel in closed
# form. This notebook describes a network, computes its kernels, and predicts with them.

# %%
import numpy as np

import overparam as op

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the pictures are missing
    plt = None

# %% [markdown]
# ## A network and its kernels
#
# The widths do not matter in the limit. `b_std` is the standard deviation of the biases; without biases, the kernel of a ReLU network
# depends on the inputs only through their directions, up to a factor.

# %%
net = op.serial(op.Dense(256, w_std=1.5, b_std=0.3), op.Erf(), op.Dense(256, w_std=1.5, b_std=0.3), op.Erf(), op.Dense(1))
print(net.describe(1))

x = np.linspace(-6.0, 6.0, 121)[:, None]
nngp, ntk = net.kernel(x, kind=("nngp", "ntk"))

# %% [markdown]
# The NNGP kernel is the covariance of the outputs of random networks. Here are some finite networks, and the band of two standard
# deviations that the kernel gives.

# %%
draws = np.hstack([net.apply(net.init(seed, 1), x) for seed in range(200)])
ratio = draws.std(axis=1) / np.sqrt(np.diag(nngp))
assert np.abs(ratio - 1.0).max() < 0.25  # 200 draws: the standard deviation is known to 5 per cent

if plt is not None:
    band = 2.0 * np.sqrt(np.diag(nngp))
    plt.fill_between(x[:, 0], -band, band, alpha=0.2, label="two standard deviations")
    plt.plot(x, draws[:, :8], lw=1)
    plt.title("Random networks of width 256")
    plt.legend()
    plt.show()

# %% [markdown]
# ## Training in closed form
#
# Six points are enough to see what training does. `Ensemble` is the distribution of the trained network over all random
# initialisations, at any time. In the end every network passes through the points, and they differ between them.

# %%
x_train = np.array([-4.0, -2.5, -1.0, 0.5, 2.0, 4.5])[:, None]
y_train = np.sin(x_train[:, 0])
ensemble = op.predict.Ensemble(net, x_train, y_train)

early, late = ensemble.predict(x, time=3.0), ensemble.predict(x)
assert np.allclose(ensemble.mean(x_train), y_train, atol=1e-6)
assert late.std.min() < 0.05 < late.std.max()

if plt is not None:
    _, axes = plt.subplots(1, 2, figsize=(10, 3.5), sharey=True)
    for axis, title, found in zip(axes, ("time 3", "the end of training"), (early, late)):
        axis.fill_between(x[:, 0], found.mean - 2 * found.std, found.mean + 2 * found.std, alpha=0.2)
        axis.plot(x, found.mean)
        axis.plot(x_train, y_train, "ko", ms=4)
        axis.set_title(title)
    plt.show()

# %% [markdown]
# ## One of those networks
#
# A finite network of the same architecture, trained by gradient descent, stays close to the ensemble after the same number of steps at
# the same learning rate. It may leave the band, which is for infinite width: the kernel of 256 neurons differs from its limit by several
# per cent. The notebook `wide_nets_train_like_their_kernel` shows how this difference falls with the width.

# %%
start = net.init(0, 1)
descent = {"learning_rate": 0.5 * float(ensemble.dynamics.max_learning_rate()), "steps": 1_000}
trained = net.descend(start, x_train, y_train, **descent)
outputs = net.apply(trained.params, x)[:, 0]
band = ensemble.predict(x, **descent)
assert trained.losses[-1] < 1e-3 * trained.losses[0]
distance = np.sqrt(np.mean((outputs - band.mean) ** 2))
print(f"the network is {distance:.2f} away from the mean of the ensemble, whose values have a size of {np.abs(band.mean).mean():.2f}")
assert distance < 0.3 * np.abs(band.mean).mean()

if plt is not None:
    plt.fill_between(x[:, 0], band.mean - 2 * band.std, band.mean + 2 * band.std, alpha=0.2)
    plt.plot(x, outputs, label="width 256, 1,000 steps")
    plt.plot(x_train, y_train, "ko", ms=4)
    plt.legend()
    plt.show()
