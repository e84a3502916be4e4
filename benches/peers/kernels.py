"""Kernels and closed-form dynamics in neural-tangents. Each case returns what to time and the summary of its result."""
import time

import numpy as np

import jax
import jax.numpy as jnp
import neural_tangents as nt
from neural_tangents import stax

from inputs import dense, images, noise, norm

# The structured derivatives of neural-tangents 0.6.5, its fastest method, look for these where JAX had them before 0.5.
for name, where in (("config", jax.config), ("source_info_util", jax._src.source_info_util)):
    if not hasattr(jax.interpreters.ad, name):
        setattr(jax.interpreters.ad, name, where)


def fully_connected():
    layers = []
    for _ in range(3):
        layers += [stax.Dense(1, 2**0.5, 0.1), stax.Relu()]
    return layers + [stax.Dense(1, 2**0.5, 0.1)]


def convolutional(head):
    layers = []
    for _ in range(3):
        layers += [stax.Conv(1, (3, 3), padding="SAME", W_std=2**0.5, b_std=0.1), stax.Relu()]
    return layers + [head(), stax.Dense(1, 2**0.5, 0.1)]


def ntk(layers, x, dtype, batch=0):
    jax.config.update("jax_enable_x64", dtype == "f64")
    kernel = stax.serial(*layers)[2]
    kernel = nt.batch(kernel, batch_size=batch) if batch else jax.jit(kernel, static_argnums=(2,))
    x = jnp.asarray(x, dtype=jnp.float64 if dtype == "f64" else jnp.float32)

    def summary(k):
        k = np.asarray(k, dtype=np.float64)
        return [float(k.sum()), norm(k), float(k[0, 1])]

    return lambda: kernel(x, None, "ntk").block_until_ready(), summary


def empirical(outputs, repeats):
    apply = stax.serial(
        stax.Dense(512), stax.Relu(), stax.Dense(512), stax.Relu(), stax.Dense(outputs)
    )[1]
    x = jnp.asarray(dense(200, 100), dtype=jnp.float32)
    weight = lambda seed, *shape: (jnp.asarray(noise(seed, *shape), dtype=jnp.float32), None)
    params = [weight(1, 100, 512), (), weight(2, 512, 512), (), weight(3, 512, outputs)]
    best = None
    for implementation in (3, 1, 2):  # structured derivatives, Jacobians contracted, products: the fastest counts
        # Inputs do not see each other: saying so (`vmap_axes`) makes structured derivatives sixty times as fast.
        f = jax.jit(nt.empirical_ntk_fn(apply, trace_axes=(), vmap_axes=0, implementation=implementation))
        run = lambda f=f: f(x, None, params).block_until_ready()
        run()
        begin = time.perf_counter()
        run()
        seconds = time.perf_counter() - begin
        if best is None or seconds < best[0]:
            best = (seconds, run)

    def repeated():
        for _ in range(repeats):
            k = best[1]()
        return k

    def summary(k):
        k = np.asarray(k, dtype=np.float64)
        return [norm(k), float(k[0, 0, 0, 0]), float(k[0, 1, 0, 0])]

    return repeated, summary


def dynamics():
    jax.config.update("jax_enable_x64", True)
    kernel = jax.jit(stax.serial(*fully_connected())[2], static_argnums=(2,))
    x, z = jnp.asarray(dense(2000, 784)), jnp.asarray(dense(500, 784, 3000))
    y = jnp.asarray(np.sin(1.1 * np.arange(2000))[:, None])
    train, test = kernel(x, None, "ntk"), kernel(z, x, "ntk")
    start, test_start = jnp.zeros_like(y), jnp.zeros((500, 1))

    def run():
        predict = nt.predict.gradient_descent_mse(train, y, diag_reg=1e-6)
        return [predict(t, start, test_start, test)[1].block_until_ready() for t in (1.0, 10.0, 100.0)]

    return run, lambda outputs: [v for f in outputs for v in (norm(f), float(f[0, 0]))]


def pool(n, size, dtype, batch=0):
    return ntk(convolutional(stax.GlobalAvgPool), images(n, size), dtype, batch)


CASES = {
    "ntk-dense-4000-f64": lambda: ntk(fully_connected(), dense(4000, 784), "f64"),
    "ntk-dense-4000-f32": lambda: ntk(fully_connected(), dense(4000, 784), "f32"),
    "ntk-conv-pool-8x8-f64": lambda: pool(64, 8, "f64"),
    "ntk-conv-pool-16x16-f32": lambda: pool(32, 16, "f32"),
    # All at once it does not fit into 20 GB.
    "ntk-conv-pool-32x32-f32": lambda: pool(8, 32, "f32", batch=2),
    "ntk-conv-flatten-32x32-f32": lambda: ntk(convolutional(stax.Flatten), images(64, 32), "f32"),
    "empirical-ntk-1-output": lambda: empirical(1, 10),
    "empirical-ntk-10-outputs": lambda: empirical(10, 1),
    "dynamics-2000": dynamics,
}
