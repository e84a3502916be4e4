"""The double-descent sweep of sweep.rs in NumPy: the seconds of each of five runs after one to warm up, one a line."""
import sys, time
import numpy as np

D, SAMPLES, TESTS = 100, 300, 1000
WIDTHS = [30, 90, 150, 240, 285, 300, 315, 360, 600, 1200, 2000, 3000]


def sphere(rng, rows):
    a = rng.standard_normal((rows, D))
    return a * (D**0.5 / np.linalg.norm(a, axis=1, keepdims=True))


def sweep():
    errors = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, t, b = sphere(rng, SAMPLES), sphere(rng, TESTS), sphere(rng, 1)[0] / D**0.5
        y = x @ b + 0.3 * rng.standard_normal(SAMPLES)
        for width in WIDTHS:
            w = sphere(rng, width)
            z = np.maximum(x @ w.T / D**0.5, 0) / D**0.5
            q = np.maximum(t @ w.T / D**0.5, 0) / D**0.5
            for lam in (1e-8, 1e-4, 1e-2, 1.0):
                kappa = lam * (width / D) * (SAMPLES / D)
                if width <= SAMPLES:
                    a = np.linalg.solve(z.T @ z + kappa * np.eye(width), z.T @ y)
                else:
                    a = z.T @ np.linalg.solve(z @ z.T + kappa * np.eye(SAMPLES), y)
                errors.append(((q @ a - t @ b) ** 2).mean())
    return errors


sweep()
for _ in range(5):
    start = time.perf_counter()
    sweep()
    print(time.perf_counter() - start)
