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
# A claim is a statement of the literature with an experiment that can fail. This one says that descent takes residual networks of any
# depth to a global minimum: the training loss goes to zero if the last hidden layer is wide enough to tell the examples apart.

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
# Smoke scale takes some seconds. The verdict speaks of an experiment of that size, at a known level of error.

# %%
stated = op.claims.reproduce(claim.id, scale="smoke")
print(stated.words)
assert stated.holds

# %% [markdown]
# ## With too narrow a network
#
# There are 32 examples. Features of 24 units cannot have rank 32, so that the theorem's assumption is violated, and its conclusion
# should fail as well.

# %%
narrow = op.claims.reproduce(claim.id, scale="smoke", changes={"width": 24})
print(narrow.words)
assert narrow.decision == "fails"

# %% [markdown]
# ## Every draw
#
# A verdict is made of draws, one number per seed, and they are all there.


# %%
def losses(report):
    """The first check of the experiment, draw by draw."""
    first = report.checks[0]
    return first["quantity"], [value for place in first["points"] for _, value in place["draws"]]


quantity, wide_draws = losses(stated)
_, narrow_draws = losses(narrow)
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
