"""200 steps of descent on a deep linear network that completes a matrix, in PyTorch."""
import numpy as np
import torch

from inputs import noise, norm

SIZE, RANK, OBSERVED, STEPS = 100, 5, 2000, 200


def descent(depth, dtype):
    tensor = lambda a: torch.tensor(a, dtype=getattr(torch, dtype))
    truth = noise(1, SIZE, RANK) @ noise(2, RANK, SIZE)
    truth = tensor(truth * (100 / np.linalg.norm(truth)))
    weight = np.zeros(SIZE * SIZE)
    weight[np.argsort(noise(3, SIZE * SIZE))[:OBSERVED]] = 1 / OBSERVED
    weight = tensor(weight.reshape(SIZE, SIZE))
    std = 1e-3 ** (1 / depth) / SIZE**0.5
    layers = [tensor(std * noise(10 + l, SIZE, SIZE)).requires_grad_() for l in range(depth)]

    def end():
        product = layers[0]
        for layer in layers[1:]:
            product = layer @ product
        return product

    def run():
        for _ in range(STEPS):
            loss = (weight * (end() - truth) ** 2).sum()
            for layer, gradient in zip(layers, torch.autograd.grad(loss, layers)):
                layer.data.add_(gradient, alpha=-0.1)

    return run, lambda _: [norm(end().detach()), norm(layers[0].detach())]


CASES = {
    "deep-linear-depth-2-f32": lambda: descent(2, "float32"),
    "deep-linear-depth-2-f64": lambda: descent(2, "float64"),
    "deep-linear-depth-3-f32": lambda: descent(3, "float32"),
    "deep-linear-depth-3-f64": lambda: descent(3, "float64"),
    "deep-linear-depth-4-f32": lambda: descent(4, "float32"),
    "deep-linear-depth-4-f64": lambda: descent(4, "float64"),
}
