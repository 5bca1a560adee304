"""Computes the logits of `mlp` from its dequantized tensors, and compares them with the logits in the same folder.

    python mlp.py DIR
"""

import sys
from pathlib import Path

import numpy
from safetensors.numpy import load_file

place = Path(sys.argv[1])
state = load_file(place / "mlp.safetensors")


def linear(x, name):
    y = x @ state[f"{name}.weight"].T
    return y + state[f"{name}.bias"] if f"{name}.bias" in state else y


def batch_norm(x, name):
    mean, variance, weight, bias = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / numpy.sqrt(variance + 1e-5) * weight + bias


x = numpy.fromfile(place / "pixels", "<f4").reshape(3, -1)
for number in (1, 2):
    x = numpy.maximum(batch_norm(linear(x, f"fc{number}"), f"bn{number}"), 0)
logits = linear(x, "fc3")
expected = numpy.fromfile(place / "logits", "<f4").reshape(logits.shape)
numpy.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * abs(expected).max())
print(f"{len(logits)} images agree")
