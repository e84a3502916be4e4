"""The descent step of benches/step.rs in torch: seconds per step, one JSON object on a line.

    python peers_step.py DEPTH {float32,float64} THREADS

100 x 100 end matrix, 2,000 observed entries, square layers, plain gradient descent at step size 0.1 on the mean squared
error, gradients by autograd. The best of several rounds, after one to warm up.
"""

import json
import os
import sys
import time

depth, dtype, threads = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import torch  # noqa: E402  (after the environment is set)

SIZE, RANK, OBSERVED, STEPS, ROUNDS = 100, 5, 2000, 200, 9
torch.set_num_threads(int(threads))
kind = {"dtype": getattr(torch, dtype), "generator": torch.Generator().manual_seed(0)}
truth = torch.randn(SIZE, RANK, **kind) @ torch.randn(RANK, SIZE, **kind)
truth *= 100 / truth.norm()
chosen = torch.randperm(SIZE * SIZE, generator=kind["generator"])[:OBSERVED]
weight = torch.zeros(SIZE * SIZE, dtype=kind["dtype"])
weight[chosen] = 1.0 / OBSERVED
weight = weight.reshape(SIZE, SIZE)
layers = [
    (1e-3 ** (1 / depth) / SIZE**0.5 * torch.randn(SIZE, SIZE, **kind)).requires_grad_() for _ in range(depth)
]


def steps(count):
    for _ in range(count):
        end = layers[0]
        for layer in layers[1:]:
            end = layer @ end
        loss = (weight * (end - truth) ** 2).sum()
        gradients = torch.autograd.grad(loss, layers)
        with torch.no_grad():
            for layer, gradient in zip(layers, gradients):
                layer.sub_(gradient, alpha=0.1)


best = float("inf")
for round_number in range(ROUNDS + 1):
    begin = time.perf_counter()
    steps(STEPS)
    if round_number:
        best = min(best, (time.perf_counter() - begin) / STEPS)
print(json.dumps({"seconds_per_step": best}))
