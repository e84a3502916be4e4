"""The networks of `kernels-all` in neural-tangents: every activation and every layer at two sizes. Names as in layers.rs."""
import jax
import jax.numpy as jnp
from neural_tangents import stax

from inputs import dense, images
from kernels import ntk

D = lambda: stax.Dense(1, 1.1, 0.1)
C = lambda padding="SAME": stax.Conv(1, (3, 3), padding=padding, W_std=1.1, b_std=0.1)

# Of what has no closed form there, by quadrature in two dimensions.
numerical = lambda f: stax.ElementwiseNumerical(f, deg=25)

ACTIVATIONS = {
    "relu": lambda: stax.Relu(),
    "leaky-relu": lambda: stax.LeakyRelu(0.2),
    "abs": lambda: stax.Abs(),
    "ab-relu": lambda: stax.ABRelu(0.2, 1.3),
    "erf": lambda: stax.Erf(),
    "gelu": lambda: stax.Gelu(),
    "sin": lambda: stax.Sin(1.0, 1.0, 0.3),
    "cos": lambda: stax.Cos(1.0, 1.0, 0.3),
    "rbf": lambda: stax.Rbf(0.7),
    "exp": lambda: stax.Exp(0.5, 0.5),
    "sign": lambda: stax.Sign(),
    "monomial-2": lambda: stax.Monomial(2),
    "monomial-3": lambda: stax.Monomial(3),
    "rectified-monomial-2": lambda: stax.RectifiedMonomial(2),
    "polynomial": lambda: stax.Polynomial([0.3, -1.0, 0.5, 0.2]),
    "hermite-3": lambda: stax.Hermite(3),
    "tanh": lambda: numerical(jnp.tanh),
    "sigmoid": lambda: numerical(jax.nn.sigmoid),
    "softplus": lambda: numerical(jax.nn.softplus),
    "silu": lambda: numerical(jax.nn.silu),
}

ON_VECTORS = {
    "layer-norm": lambda: [stax.LayerNorm(), stax.Relu()],
    "dropout": lambda: [stax.Relu(), stax.Dropout(0.8)],
    "residual": lambda: [
        stax.Relu(),
        stax.FanOut(2),
        stax.parallel(stax.Identity(), stax.serial(D(), stax.Relu())),
        stax.FanInSum(),
    ],
}

ON_IMAGES = {
    "flatten": lambda: [stax.Relu(), stax.Flatten()],
    "avg-pool": lambda: [stax.Relu(), stax.AvgPool((2, 2), (2, 2)), stax.Flatten()],
    "sum-pool": lambda: [stax.Relu(), stax.SumPool((2, 2), (2, 2)), stax.Flatten()],
    "global-avg-pool": lambda: [stax.Relu(), stax.GlobalAvgPool()],
    "global-sum-pool": lambda: [stax.Relu(), stax.GlobalSumPool()],
    "conv-valid": lambda: [stax.Relu(), C("VALID"), stax.Relu(), stax.Flatten()],
    "attention": lambda: [
        stax.Relu(),
        stax.GlobalSelfAttention(
            n_chan_out=1, n_chan_key=1, n_chan_val=1, n_heads=1, linear_scaling=True,
            W_key_std=0.9, W_value_std=1.0, W_query_std=1.2, W_out_std=1.0, b_std=0.1,
        ),
        stax.GlobalAvgPool(),
    ],
}

CASES = {}
for n in (500, 2000):
    for name, phi in ACTIVATIONS.items():
        CASES[f"kernels-all-{name}-{n}"] = lambda phi=phi, n=n: ntk(
            [D(), phi(), D(), phi(), D()], dense(n, 64), "f64"
        )
    for name, layers in ON_VECTORS.items():
        CASES[f"kernels-all-{name}-{n}"] = lambda layers=layers, n=n: ntk(
            [D(), *layers(), D()], dense(n, 64), "f64"
        )
for size in (8, 14):
    for name, layers in ON_IMAGES.items():
        CASES[f"kernels-all-{name}-{size}x{size}"] = lambda layers=layers, size=size: ntk(
            [C(), *layers(), D()], images(8, size), "f64"
        )
