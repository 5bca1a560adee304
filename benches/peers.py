"""The networks of spikeslab in PyTorch, and the time and memory that PyTorch and ONNX Runtime need for them.

    python peers.py NETWORK THREADS train|predict|onnx     one JSON object on standard output

A step is forward by local reparameterization, the KL of `nearest` to three levels, backward, and Adam, on random images. It
is the step of `spikeslab bench`, but with the fitted spike: PyTorch has no function for the exact one. Inference uses the mean weights in f32 and running
statistics.
"""
import json
import math
import resource
import statistics
import sys
import tempfile
import time
import warnings

import torch
from torch import nn
from torch.nn import functional

BATCH = {"lenet5": 128, "lenet-caffe": 128, "densenet": 64}
INFERENCE = {"lenet5": (1, 256), "lenet-caffe": (1, 256), "densenet": (1, 64)}


def spike_kl(t):
    """The fit of Molchanov et al. 2017, equation 14, in t."""
    return 0.63576 * torch.sigmoid(1.48695 * torch.log(t.clamp_min(1e-30)) - 1.87320) + 0.5 * torch.log1p(t)


class Bayesian(nn.Module):
    """A layer whose weights have Gaussian posteriors; `apply(x, weights)` is linear in the weights."""

    def __init__(self, shape, apply):
        super().__init__()
        self.apply_weights = apply
        bound = 1 / math.sqrt(shape[0])
        self.theta = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.log_sigma2 = nn.Parameter(torch.full(shape, -8.0))
        self.levels = nn.Parameter(torch.tensor([-0.2, 0.0, 0.2]))

    def forward(self, x):
        mean = self.apply_weights(x, self.theta)
        if not self.training:
            return mean
        variance = self.apply_weights(x * x, self.log_sigma2.exp())
        return mean + torch.sqrt(variance + 1e-6) * torch.randn_like(mean)

    def kl(self):
        t = (self.theta.reshape(1, -1) - self.levels[:, None]) ** 2 / self.log_sigma2.exp().reshape(1, -1)
        return spike_kl(t).amin(0).sum()


def conv(outputs, inputs, kernel, padding=0):
    return Bayesian((outputs, inputs, kernel, kernel), lambda x, w: functional.conv2d(x, w, padding=padding))


def dense(inputs, outputs):
    return Bayesian((outputs, inputs), functional.linear)


def lenet(channels, hidden):
    widths = [16 * channels[1], *hidden]
    layers = []
    for inputs, outputs in zip([1, channels[0]], channels):
        layers += [conv(outputs, inputs, 5), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    for inputs, outputs in zip(widths, hidden):
        layers += [dense(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, dense(widths[-1], 10))


class Unit(nn.Module):
    def __init__(self, channels, growth):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(channels), conv(growth, channels, 3, padding=1)

    def forward(self, x):
        return torch.cat((x, self.conv(functional.relu(self.norm(x)))), 1)


def densenet(depth=40, growth=12):
    channels = 16
    layers = [conv(channels, 3, 3, padding=1)]
    for block in range(3):
        for _ in range((depth - 4) // 3):
            layers.append(Unit(channels, growth))
            channels += growth
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        layers += [conv(channels, channels, 1), nn.AvgPool2d(2)] if block < 2 else [nn.AvgPool2d(8), nn.Flatten()]
    return nn.Sequential(*layers, dense(channels, 10))


def network(name):
    return {
        "lenet5": lambda: lenet([6, 16], [120, 84]),
        "lenet-caffe": lambda: lenet([20, 50], [500]),
        "densenet": densenet,
    }[name]()


def images(name, count):
    return torch.randn(count, *((3, 32, 32) if name == "densenet" else (1, 28, 28)))


def median_ms(run):
    """The median time of a call of `run`, in ms, over two seconds and at least three calls, after a first call."""
    run()
    times = []
    start = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < 2:
        begin = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def resident_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train(name):
    imported = resident_mb()
    model = network(name)
    layers = [module for module in model.modules() if isinstance(module, Bayesian)]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)
    x, labels = images(name, BATCH[name]), torch.randint(0, 10, (BATCH[name],))

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels) + sum(layer.kl() for layer in layers) / 60000
        loss.backward()
        optimizer.step()

    milliseconds = median_ms(step)
    return {"milliseconds": milliseconds, "megabytes": resident_mb() - imported}


def predict(name):
    model = network(name).eval()
    with torch.no_grad():
        return {count: median_ms(lambda x=images(name, count): model(x)) for count in INFERENCE[name]}


def onnx(name, threads):
    import onnxruntime

    warnings.simplefilter("ignore")
    model = network(name).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    result = {}
    for count in INFERENCE[name]:
        x = images(name, count)
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            torch.onnx.export(model, (x,), file.name, dynamo=True, verbose=False, external_data=False)
            session = onnxruntime.InferenceSession(file.name, options, providers=["CPUExecutionProvider"])
        inputs = {session.get_inputs()[0].name: x.numpy()}
        result[count] = median_ms(lambda: session.run(None, inputs))
    return result


if __name__ == "__main__":
    name, threads, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    measured = {"train": train, "predict": predict, "onnx": lambda name: onnx(name, threads)}[what](name)
    # The export also prints to standard output, so the result has a line of its own.
    print("\n" + json.dumps(measured))
