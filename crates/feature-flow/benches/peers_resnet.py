"""One step of a mean-field ResNet in torch: 256 examples, 1,024 units, 10 layers. Prints the best seconds of 9.

    python peers_resnet.py THREADS
"""
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
n, m, depth, lr = 256, 1024, 10, 0.1
x = torch.randn(n, 20)
y = torch.sin(x[:, :1])
v1, vs, u = torch.randn(20, m), [torch.zeros(m, m) for _ in range(depth - 1)], torch.randn(m, 1)
ps = [v1, *vs, u]
for p in ps:
    p.requires_grad_()


def step():
    b = x @ v1 / 20 ** 0.5
    for v in vs:
        b = b + torch.tanh(torch.tanh(b) @ v / m)
    f = torch.tanh(b) @ u / m
    g = torch.autograd.grad(0.5 * ((f - y) ** 2).mean(), ps)
    with torch.no_grad():
        for p, d, s in zip(ps, g, [m, *[m * m] * (depth - 1), m]):
            p -= lr * s * d


step()
times = []
for _ in range(9):
    begin = time.perf_counter()
    step()
    times.append(time.perf_counter() - begin)
print(min(times))
