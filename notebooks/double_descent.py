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
# # Double descent
#
# Fit random features to noisy data by least squares. The test error falls as features are added, explodes where there are as many
# of them as samples, and falls again beyond. In the limit of high dimension the whole curve is known (Mei and Montanari 2022);
# here it is drawn next to an experiment in fifty dimensions.

# %%
import numpy as np

import overparam as op

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the pictures are missing
    plt = None

dimension, psi2, noise = 50, 3.0, 0.25
samples = int(psi2 * dimension)

# %% [markdown]
# ## The theory
#
# `psi1` counts features per dimension, `psi2` samples per dimension. The ridge tends to zero, which is least squares or, beyond the
# peak, the interpolator of least norm.

# %%
psi1 = np.concatenate([np.linspace(0.1, 6.0, 119), np.linspace(6.5, 30.0, 48)])
theory = op.linearized.random_features(psi1, psi2, 1e-6, noise=noise)
peak = psi1[theory.risk.argmax()]
print(f"the peak is at {peak:.2f} features per dimension, where there are {psi2} samples per dimension")
assert abs(peak - psi2) < 0.1
assert theory.risk[-1] < theory.risk[psi1 < psi2].min()  # more features than samples are better than any smaller number

# %% [markdown]
# ## The experiment
#
# Inputs are uniform on a sphere, the target is linear, and the labels are noisy. Nothing is tuned.

# %%
rng = np.random.default_rng(0)


def sphere(count: int) -> np.ndarray:
    points = rng.normal(size=(count, dimension))
    return points * np.sqrt(dimension) / np.linalg.norm(points, axis=1, keepdims=True)


def risk(features: int, ridge: float) -> float:
    """The test error of one draw of data and features."""
    beta = rng.normal(size=dimension)
    beta /= np.linalg.norm(beta)
    x, x_test, directions = sphere(samples), sphere(1_000), sphere(features)
    y = x @ beta + np.sqrt(noise) * rng.normal(size=samples)
    phi, phi_test = (np.maximum(z @ directions.T / np.sqrt(dimension), 0.0) for z in (x, x_test))
    # The ridge of the theory is on (N / d) |a|^2, with the squared loss averaged over the samples.
    normal = phi.T @ phi / samples + ridge * features / dimension * np.eye(features)
    fitted = phi_test @ np.linalg.solve(normal, phi.T @ y / samples)
    return float(np.mean((fitted - x_test @ beta) ** 2))


counts = np.array([10, 25, 50, 100, 150, 200, 300, 600, 1_000])
measured = np.array([[risk(int(count), 1e-3) for _ in range(8)] for count in counts])
expected = op.linearized.random_features(counts / dimension, psi2, 1e-3, noise=noise).risk
for count, draws, value in zip(counts, measured, expected):
    print(f"{count:5d} features: measured {draws.mean():.3f}, theory {value:.3f}")
assert np.all(np.abs(measured.mean(axis=1) - expected) < 0.25 * expected + 0.05)

if plt is not None:
    plt.plot(psi1, theory.risk, "k-", lw=1, label="theory, no ridge")
    smooth = op.linearized.random_features(psi1, psi2, 1e-3, noise=noise)
    plt.plot(psi1, smooth.risk, label="theory, ridge 0.001")
    plt.errorbar(counts / dimension, measured.mean(axis=1), measured.std(axis=1), fmt="o", label="50 dimensions, ridge 0.001")
    plt.ylim(0.0, 3.0)
    plt.axvline(psi2, color="grey", ls=":")
    plt.xlabel("features per dimension")
    plt.ylabel("test error")
    plt.legend()
    plt.show()

# %% [markdown]
# ## The right ridge removes the peak
#
# The peak is not a law about the number of features: it belongs to the ridge that was chosen. With the best ridge for each number
# of features, the error only falls.

# %%
few = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 8.0, 16.0])
best = np.array([op.linearized.optimal_ridge(float(one), psi2, noise=noise)[1] for one in few])
assert np.all(np.diff(best) < 1e-9)

if plt is not None:
    plt.semilogy(psi1, theory.risk, "k-", lw=1, label="no ridge")
    plt.semilogy(few, best, "o-", label="the best ridge")
    plt.xlim(0, 16)
    plt.xlabel("features per dimension")
    plt.ylabel("test error")
    plt.legend()
    plt.show()
