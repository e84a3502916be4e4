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
# # One assumption changed
#
# A claim is a statement from the literature together with an experiment that can fail. This one says that gradient descent takes
# residual networks of any depth to a global minimum, if the features of the first layer have full rank on the examples. The experiment
# therefore checks two things: the training loss, and the smallest eigenvalue of the Gram matrix of those features.

# %%
import overparam as op

try:
    import matplotlib.pyplot as plt
except ImportError:  # everything is computed and checked; only the picture is missing
    plt = None

claim = next(claim for claim in op.claims.list() if claim.id == "fang-2022/resnet-global-minimum")
print(claim.statement)
print("The control:", claim.control)

# %% [markdown]
# ## The claim as it stands
#
# At smoke scale this takes a few seconds. The verdict is about an experiment of that size, with a known probability of error.

# %%
stated = op.claims.reproduce(claim.id, scale="smoke")
print(stated.words)
assert stated.holds

# %% [markdown]
# ## With too narrow a network
#
# There are 32 examples. Features of 24 units cannot have rank 32, so the assumption of the theorem is violated, and the claim is
# contradicted. Its check of the loss still holds: full rank is sufficient for a loss of zero, and not necessary.

# %%
narrow = op.claims.reproduce(claim.id, scale="smoke", changes={"width": 24})
print(narrow.words)
assert narrow.decision == "fails"

# %% [markdown]
# ## Every draw
#
# A verdict follows from draws, one number per seed, and the report has all of them. These are the draws of the check of the rank.


# %%
def ranks(report):
    """The check of the rank, which is the last one of the experiment, draw by draw."""
    last = report.checks[-1]
    return last["quantity"], [value for place in last["points"] for _, value in place["draws"]]


quantity, wide_draws = ranks(stated)
_, narrow_draws = ranks(narrow)
assert len(wide_draws) >= 8 and len(narrow_draws) >= 8

if plt is not None:
    figure, axes = plt.subplots(figsize=(6, 3))
    for k, draws in enumerate([wide_draws, narrow_draws]):
        axes.plot([k] * len(draws), [max(draw, 1e-16) for draw in draws if draw is not None], "o", alpha=0.5)
    axes.set_yscale("log")
    axes.set_xticks([0, 1], ["as stated", "24 units"])
    axes.set_ylabel(quantity, wrap=True)
    figure.tight_layout()
    plt.show()

# %% [markdown]
# In a notebook, `stated` by itself shows the verdict, its checks and its figures.
