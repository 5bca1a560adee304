"""Compares the logits of models in ONNX Runtime with the expected logits.

    python check.py TOLERANCE CASE …

Each CASE is a folder with `model.onnx`, and `pixels` and `logits` as little-endian f32. The largest error may be TOLERANCE times the
largest logit.
"""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

tolerance, worst = float(sys.argv[1]), 0.0
for case in map(Path, sys.argv[2:]):
    onnx.checker.check_model(onnx.load(case / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(case / "model.onnx", providers=["CPUExecutionProvider"])
    (pixels,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (pixels.name, logits.name) == ("pixels", "logits"), case
    assert pixels.shape[0] == logits.shape[0] == "N", case
    x = numpy.fromfile(case / "pixels", "<f4").reshape(-1, *pixels.shape[1:])
    expected = numpy.fromfile(case / "logits", "<f4").reshape(len(x), -1)
    assert logits.shape[1] == expected.shape[1], case
    # All images together, and one image alone.
    for images in [slice(None), slice(1)]:
        (seen,) = session.run(["logits"], {"pixels": x[images]})
        error = abs(seen - expected[images]).max() / abs(expected[images]).max()
        assert error <= tolerance, f"{case}: {error}"
        worst = max(worst, error)
print(f"{len(sys.argv) - 2} models agree to {worst:.1e}")
