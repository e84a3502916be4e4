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
# # A kernel on your data
#
# On a few hundred rows of a table, kernel ridge regression with the kernel of a wide network is a strong baseline, and it has no
# learning rate, no seed and no early stopping. Everything is decided by one number, the ridge, and leave-one-out errors choose it
# without a validation set.

# %%
import numpy as np

import overparam as op

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the pictures are missing
    plt = None

# %% [markdown]
# ## The data
#
# Put your own table here, for example with `numpy.loadtxt("table.csv", delimiter=",")`. This one is Friedman's: ten columns, of
# which the first five matter, and not linearly.

# %%
rng = np.random.default_rng(0)
x = rng.uniform(size=(500, 10))
y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=500)

train, test = np.arange(300), np.arange(300, 500)
mean, std = x[train].mean(axis=0), x[train].std(axis=0)
x = (x - mean) / std
centre = y[train].mean()

# %% [markdown]
# ## Depth and ridge
#
# `KernelRidge` decomposes the kernel once. Each further ridge then costs next to nothing, and so does its exact leave-one-out error.

# %%
def network(depth: int) -> op.Architecture:
    hidden = [op.serial(op.Dense(1, w_std=2**0.5, b_std=0.1), op.Relu()) for _ in range(depth)]
    return op.serial(*hidden, op.Dense(1))


ridges = np.logspace(-4, 3, 50)
errors = {}
for depth in (1, 2, 3, 5):
    kernel = network(depth).kernel(x[train])
    regression = op.predict.KernelRidge(kernel, y[train] - centre)
    path = regression.path(ridges * np.diag(kernel).mean())
    best = regression.best([fit.ridge for fit in path])
    predicted = centre + network(depth).kernel(x[test], x[train]) @ best.coefficients
    errors[depth] = (best.leave_one_out_error, np.mean((predicted - y[test]) ** 2), [fit.leave_one_out_error for fit in path])
    print(f"depth {depth}: leave-one-out {errors[depth][0]:.2f}, test {errors[depth][1]:.2f}")

# %% [markdown]
# Leave-one-out knows the test error before any test row is seen. The noise has variance 1, which nothing can go below.

# %%
for depth, (left_out, tested, _) in errors.items():
    assert 1.0 < tested
    assert abs(left_out - tested) < 0.35 * tested

if plt is not None:
    for depth, (_, _, curve) in errors.items():
        plt.loglog(ridges, curve, label=f"depth {depth}")
    plt.xlabel("ridge, in units of the mean of the diagonal")
    plt.ylabel("leave-one-out error")
    plt.legend()
    plt.show()

# %% [markdown]
# ## Against a linear model
#
# Ridge regression on the columns themselves has the same choice of ridge, and a linear kernel.

# %%
linear = op.predict.KernelRidge(x[train] @ x[train].T, y[train] - centre).best(np.logspace(-3, 3, 30))
linear_error = np.mean((centre + x[test] @ x[train].T @ linear.coefficients - y[test]) ** 2)
chosen = min(errors, key=lambda depth: errors[depth][0])
print(f"linear {linear_error:.2f}, depth {chosen} {errors[chosen][1]:.2f}")
assert errors[chosen][1] < 0.8 * linear_error

# %% [markdown]
# ## How sure
#
# With the NNGP kernel the prediction is a Gaussian process, and it comes with error bars. The evidence chooses the noise.

# %%
scale = (y[train] - centre).std()
ensemble = op.predict.Ensemble(network(2), x[train], (y[train] - centre) / scale, kind="nngp")
noises = np.logspace(-4, 0, 25)
noise = max(noises, key=lambda one: ensemble.log_evidence(noise=one))
posterior = ensemble.posterior(x[test], noise=noise)
z = ((y[test] - centre) / scale - posterior.mean) / np.sqrt(posterior.std**2 + noise)
print(f"noise {noise:.3f}; {np.mean(np.abs(z) < 2):.0%} of the test rows are within two standard deviations")
assert 0.85 < np.mean(np.abs(z) < 2.0) <= 1.0
assert np.mean(np.square(z)) < 2.5
