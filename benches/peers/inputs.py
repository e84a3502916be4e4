"""Inputs that both sides compute by the same formula: xtask/src/bench/inputs.rs in NumPy."""
import numpy as np


def dense(n, d, first=0):
    i = np.arange(n)[:, None] + first
    j = np.arange(d)[None, :]
    return np.sin(0.7 * i + 1.3 * j + 0.1 * i * j)


def images(n, size):
    i, y, x, c = np.meshgrid(np.arange(n), np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    return np.sin(0.7 * i + 1.3 * y + 0.9 * x + 0.5 * c + 0.1 * i * y * x)


def noise(seed, *shape):
    """Uniform numbers of mean 0 and variance 1: the splitmix64 of (seed, index), its top 53 bits; row-major."""
    u64 = np.uint64
    with np.errstate(over="ignore"):
        z = ((u64(seed) << u64(32)) + np.arange(int(np.prod(shape)), dtype=u64) + u64(1)) * u64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
    uniform = ((z ^ (z >> u64(31))) >> u64(11)).astype(np.float64) / 2.0**53
    return ((2.0 * uniform - 1.0) * 3**0.5).reshape(shape)


def norm(a):
    return float(np.linalg.norm(np.asarray(a, dtype=np.float64)))
