"""Training steps and Jacobians of finite networks in PyTorch."""
import torch
from torch.func import functional_call, jacrev, vmap

from inputs import dense, images, noise, norm


def fill(net, seed=1):
    """Weights of variance 1/(3 fan-in), laid out as [inputs, outputs] or [height, width, inputs, outputs]; biases zero."""
    with torch.no_grad():
        for layer in net:
            if not hasattr(layer, "weight"):
                continue
            w = layer.weight
            shape = (*w.shape[2:], w.shape[1], w.shape[0])
            values = noise(seed, *shape) * (3 * w[0].numel()) ** -0.5
            order = (1, 0) if w.dim() == 2 else (3, 2, 0, 1)
            w.copy_(torch.tensor(values, dtype=torch.float32).permute(*order))
            layer.bias.zero_()
            seed += 1
    return net


def training(net, x, outputs, steps):
    y = torch.tensor(noise(100, len(x), outputs), dtype=torch.float32)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)

    def run():
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            (0.5 * (net(x) - y) ** 2).mean().backward()
            optimizer.step()

    def summary(_):
        with torch.no_grad():
            return [norm(net(x)), norm(net[0].weight.detach())]

    return run, summary


def mlp(sizes, n, steps):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    x = torch.tensor(dense(n, sizes[0]), dtype=torch.float32)
    return training(fill(torch.nn.Sequential(*layers[:-1])), x, sizes[-1], steps)


def cnn():
    conv = lambda inputs: torch.nn.Conv2d(inputs, 64, 3, padding=1)
    relu = torch.nn.ReLU
    head = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10)]
    net = torch.nn.Sequential(conv(3), relu(), conv(64), relu(), conv(64), relu(), *head)
    x = torch.tensor(images(50, 8), dtype=torch.float32).permute(0, 3, 1, 2).contiguous()
    return fill(net), x


def cnn_step():
    net, x = cnn()
    return training(net, x, 10, 20)


def cnn_jacobian():
    net, x = cnn()
    params = {name: p.detach() for name, p in net.named_parameters()}
    one = lambda p, xi: functional_call(net, p, (xi[None],))[0]
    jacobian = vmap(jacrev(one), in_dims=(None, 0))
    return lambda: jacobian(params, x), lambda j: [norm(j[name]) for name in params]


def resnet_flow():
    n, m, depth, rate = 256, 1024, 10, 0.1
    tensor = lambda a: torch.tensor(a, dtype=torch.float32)
    x = tensor(dense(n, 20))
    y = torch.sin(x[:, :1])
    first, last = tensor(noise(1, 20, m)), tensor(noise(2, m, 1))
    params = [first, *[torch.zeros(m, m) for _ in range(depth - 1)], last]
    hidden = params[1:-1]
    for p in params:
        p.requires_grad_()
    scales = [m, *[m * m] * (depth - 1), m]

    def run():
        b = x @ first / 20**0.5
        for v in hidden:
            b = b + torch.tanh(torch.tanh(b) @ v / m)
        f = torch.tanh(b) @ last / m
        gradients = torch.autograd.grad(0.5 * ((f - y) ** 2).mean(), params)
        with torch.no_grad():
            for p, g, s in zip(params, gradients, scales):
                p -= rate * s * g

    return run, lambda _: [norm(p.detach()) for p in (first, hidden[0], hidden[-1], last)]


CASES = {
    "mlp-784-1024-1024-10": lambda: mlp([784, 1024, 1024, 10], 1000, 5),
    "mlp-64-128-128-1": lambda: mlp([64, 128, 128, 1], 64, 200),
    "cnn-step": cnn_step,
    "cnn-jacobian": cnn_jacobian,
    "resnet-flow-step": resnet_flow,
}
