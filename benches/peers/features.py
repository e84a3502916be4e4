"""A double-descent sweep of ridge regression on ReLU random features in NumPy."""
import numpy as np

from inputs import noise

D, SAMPLES, TESTS, DRAWS = 100, 300, 1000, 5
WIDTHS = [30, 90, 150, 240, 285, 300, 315, 360, 600, 1200, 2000, 3000]
RIDGES = [1e-8, 1e-4, 1e-2, 1.0]


def on_sphere(a, radius):
    return a * (radius / np.linalg.norm(a, axis=1, keepdims=True))


def errors(x, y, t, u, w):
    """Test errors at every ridge; rows of w have length sqrt(d)."""
    n, width = len(x), len(w)
    z = np.maximum(x @ w.T / D**0.5, 0) / D**0.5
    q = np.maximum(t @ w.T / D**0.5, 0) / D**0.5
    out = []
    for ridge in RIDGES:
        k = ridge * (width / D) * (n / D)
        if width <= n:
            a = np.linalg.solve(z.T @ z + k * np.eye(width), z.T @ y)
        else:
            a = z.T @ np.linalg.solve(z @ z.T + k * np.eye(n), y)
        out.append(((q @ a - u) ** 2).mean())
    return out


def sweep():
    root = D**0.5

    def run():
        out = []
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            draw = lambda rows: on_sphere(rng.standard_normal((rows, D)), root)
            x, t, b = draw(SAMPLES), draw(TESTS), draw(1)[0] / root
            y = x @ b + 0.3 * rng.standard_normal(SAMPLES)
            for width in WIDTHS:
                out += errors(x, y, t, t @ b, draw(width))
        return out

    def summary(_):
        """The timed draws are each side's own; on shared ones both must find the same errors."""
        x, t = on_sphere(noise(1, SAMPLES, D), root), on_sphere(noise(2, TESTS, D), root)
        b = on_sphere(noise(3, 1, D), 1.0)[0]
        y = x @ b + 0.3 * noise(4, SAMPLES)
        return [float(e) for n in (150, 1200) for e in errors(x, y, t, t @ b, on_sphere(noise(5, n, D), root))]

    return run, summary


CASES = {"random-features-sweep": sweep}
