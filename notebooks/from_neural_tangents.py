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
# # From neural-tangents
#
# Two imports change; the cells that compute infinite-width kernels and their predictions stay as they are:
#
# | in a neural-tangents notebook | here |
# |---|---|
# | `import neural_tangents as nt` | `from overparam import nt` |
# | `from neural_tangents import stax` | `from overparam import stax` |
#
# Arrays are NumPy's, in double precision unless you pass single, and JAX is not needed. If you use a part of neural-tangents that this
# package does not have, an error says so.

# %%
import numpy as np

from overparam import nt, stax

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the pictures are missing
    plt = None

# %% [markdown]
# ## Kernels

# %%
init_fn, apply_fn, kernel_fn = stax.serial(
    stax.Dense(512, W_std=1.5, b_std=0.05), stax.Erf(),
    stax.Dense(512, W_std=1.5, b_std=0.05), stax.Erf(),
    stax.Dense(1, W_std=1.5, b_std=0.05),
)  # fmt: skip

x_train = np.array([-2.4, -1.1, 0.3, 1.4, 2.6])[:, None]
y_train = np.sin(x_train)
x_test = np.linspace(-np.pi, np.pi, 101)[:, None]

kernel = kernel_fn(x_train, None, ("nngp", "ntk"))
assert kernel.ntk.shape == (5, 5)
assert np.array_equal(kernel_fn(x_train, None, "ntk"), kernel.ntk)

# %% [markdown]
# A number from neural-tangents 0.6.6 itself, for two inputs of eight entries and one hidden layer of ReLUs, is the same here to ten
# digits:

# %%
i, j = np.arange(2)[:, None], np.arange(8)[None, :]
waves = np.sin(0.7 * i + 1.3 * j + 0.1 * i * j)
_, _, relu_fn = stax.serial(stax.Dense(1, W_std=2**0.5), stax.Relu(), stax.Dense(1, W_std=2**0.5))
assert np.isclose(relu_fn(waves, None, "nngp")[0, 1], 0.5264070832420708, rtol=1e-10)

# %% [markdown]
# ## Predictions
#
# The mean and the covariance of the outputs of infinitely wide networks over their random initialisations, at any time of training or at its end.

# %%
predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x_train, y_train, diag_reg=1e-6)
ntk_mean, ntk_covariance = predict_fn(x_test=x_test, get="ntk", compute_cov=True)
nngp_mean, nngp_covariance = predict_fn(x_test=x_test, get="nngp", compute_cov=True)
assert np.allclose(predict_fn(x_test=x_train, get="ntk"), y_train, atol=1e-2)

if plt is not None:
    for name, mean, covariance in (("NTK", ntk_mean, ntk_covariance), ("NNGP", nngp_mean, nngp_covariance)):
        std = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        plt.fill_between(x_test[:, 0], mean[:, 0] - 2 * std, mean[:, 0] + 2 * std, alpha=0.2)
        plt.plot(x_test, mean, label=name)
    plt.plot(x_train, y_train, "ko", ms=4)
    plt.legend()
    plt.show()

# %% [markdown]
# Losses during training, for several times at once:

# %%
mse_fn = nt.predict.gradient_descent_mse(kernel.ntk, y_train)
times = np.logspace(-1, 3, 60)
outputs = mse_fn(times)
losses = 0.5 * np.mean((outputs - y_train) ** 2, axis=(1, 2))
assert outputs.shape == (60, 5, 1)
assert np.all(np.diff(losses) < 0.0)

if plt is not None:
    plt.loglog(times, losses)
    plt.xlabel("time")
    plt.ylabel("loss on the training set")
    plt.show()

# %% [markdown]
# ## Finite networks
#
# `init_fn` takes a number, or a JAX key. The functions that need derivatives take `apply_fn`; other functions are refused, because
# they would need JAX.

# %%
_, params = init_fn(0, (-1, 1))
empirical = nt.empirical_ntk_fn(apply_fn)(x_train, None, params)
sampled = nt.monte_carlo_kernel_fn(init_fn, apply_fn, key=1, n_samples=20)(x_train, None, "ntk")
far, near = (np.linalg.norm(found - kernel.ntk) / np.linalg.norm(kernel.ntk) for found in (empirical, sampled))
print(f"one network of width 512 is {far:.1%} from the limit, the mean of twenty {near:.1%}")
assert far < 0.3
assert near < 0.1

f_lin = nt.linearize(apply_fn, params)
assert np.allclose(f_lin(params, x_test), apply_fn(params, x_test))

# %% [markdown]
# ## Images and branches

# %%
block = stax.serial(
    stax.FanOut(2),
    stax.parallel(stax.serial(stax.Relu(), stax.Conv(64, (3, 3), padding="SAME")), stax.Identity()),
    stax.FanInSum(),
)
_, _, resnet_fn = stax.serial(stax.Conv(64, (3, 3), padding="SAME"), block, block, stax.Relu(), stax.GlobalAvgPool(), stax.Dense(10))
images = np.random.default_rng(0).normal(size=(6, 8, 8, 3))
assert resnet_fn(images, images[:2], "ntk").shape == (6, 2)

# %% [markdown]
# `kernel_fn.net` is the same network for everything else in this package.

# %%
print(resnet_fn.net.describe((8, 8, 3)))

# %% [markdown]
# ## What is missing is an error

# %%
try:
    stax.Conv(64, (3, 3), dimension_numbers=("NCHW", "OIHW", "NCHW"))
except NotImplementedError as error:
    print(error)
    assert "NHWC" in str(error)
