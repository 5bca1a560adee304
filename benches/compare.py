"""Times spikeslab, PyTorch eager and ONNX Runtime alternately, and prints the tables of README.md.

    cargo build --release
    VENV/bin/python benches/compare.py [--pairs 5] [--threads 2] [--spikeslab PATH] [NETWORK ...]

VENV is a virtual environment with torch, onnxruntime and onnxscript. Each pair of runs gives a ratio, and the median of
the ratios is printed. Above 1, spikeslab is faster or uses less memory.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NETWORKS = ["lenet5", "lenet-caffe", "densenet"]


def run(command):
    """Runs the command. Returns its last line of output, parsed as JSON, and its peak of resident memory in MB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))}: exit status {os.waitstatus_to_exitcode(status)}")
    return json.loads(output.strip().splitlines()[-1]), usage.ru_maxrss / 1024


def peer(name, threads, what):
    return run([sys.executable, HERE / "peers.py", name, str(threads), what])[0]


def spikeslab(program, name, threads):
    measured, megabytes = run([program, "bench", name, "--threads", str(threads), "--json"])
    step = measured["networks"][0]
    return {
        "step": step["milliseconds"],
        "kl": step["phases"]["kl"] / step["milliseconds"],
        "share": step["share_of_peak"],
        "megabytes": megabytes,
        "packed": {str(one["images"]): one["milliseconds"] for one in step["packed"]},
    }


def median(values):
    return statistics.median(values)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def against(ours, theirs):
    """The median of `ours`, the median of `theirs`, and the median of the ratios theirs/ours of the pairs."""
    return f"{median(ours):.3g}", f"{median(theirs):.3g}", f"{median(b / a for a, b in zip(ours, theirs)):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--spikeslab", default=HERE.parent / "target/release/spikeslab", type=Path)
    options = parser.parse_args()
    threads = options.threads

    pairs = {name: [] for name in options.networks}
    for name in options.networks:
        for _ in range(options.pairs):
            ours = spikeslab(options.spikeslab, name, threads)
            one = spikeslab(options.spikeslab, name, 1)
            pairs[name].append((ours, one, *(peer(name, threads, what) for what in ("train", "predict", "onnx"))))

    row("training step", "spikeslab, ms", "PyTorch, ms", "ratio", "1 thread / " + str(threads), "KL", "of the peak")
    row(*["---"] * 7)
    for name, of in pairs.items():
        steps = [ours["step"] for ours, *_ in of]
        alone = [one["step"] for _, one, *_ in of]
        row(
            f"`{name}`",
            *against(steps, [train["milliseconds"] for _, _, train, _, _ in of]),
            f"{median(b / a for a, b in zip(steps, alone)):.2f}",
            f"{100 * median(ours['kl'] for ours, *_ in of):.1f} %",
            f"{100 * median(ours['share'] for ours, *_ in of):.0f} %",
        )
    print()
    row("memory of training", "spikeslab, MB", "PyTorch without its import, MB", "ratio")
    row(*["---"] * 4)
    for name, of in pairs.items():
        row(f"`{name}`", *against([ours["megabytes"] for ours, *_ in of], [t["megabytes"] for _, _, t, _, _ in of]))
    print()
    row("inference", "images", "packed, ms", "PyTorch, ms", "ratio", "ONNX Runtime, ms", "ratio")
    row(*["---"] * 7)
    for name, of in pairs.items():
        for count in of[0][0]["packed"]:
            packed = [ours["packed"][count] for ours, *_ in of]
            ours, pytorch, ratio = against(packed, [predict[count] for _, _, _, predict, _ in of])
            _, onnx, onnx_ratio = against(packed, [onnx[count] for *_, onnx in of])
            row(f"`{name}`", count, ours, pytorch, ratio, onnx, onnx_ratio)


if __name__ == "__main__":
    main()
