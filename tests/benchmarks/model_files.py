"""Times of model files: python -m tests.benchmarks.model_files.

Writes an ONNX file of 300 MB whose weights are holes, and measures `convcli params` on it, beside that on a network
which comes with convcli: the best of several runs, each a process of its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.commands import LAUNCHER
from tests.networks.models.test_onnx_damage import write_sparse_model

RUNS = 9


def best(*arguments: str) -> str:
    """Return the least seconds, also of the processor, and the largest peak in megabytes of a command."""
    line = [*LAUNCHER, sys.executable, "-m", "convcli", *arguments]
    found = [json.loads(subprocess.run(line, check=True, capture_output=True).stdout) for _ in range(RUNS)]
    assert all(each["code"] == 0 for each in found), found[0]["said"]
    seconds, processor = (min(each[key] for each in found) for key in ("seconds", "cpu_seconds"))
    peak = max(each["peak_bytes"] for each in found) / 1e6
    return f"{seconds:.3f} s ({processor:.3f} s of a core), {peak:.0f} MB"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sparse.onnx")
        for layers, channels in ((30, 1581), (300, 500)):
            size = write_sparse_model(path, layers=layers, channels=channels)
            measured = best("params", str(path))
            print(f"ONNX, {size / 1e6:.0f} MB in {layers} layers: {measured}; wanted: 0.15 s, 60 MB")
    print(f"resnet50: {best('params', 'resnet50')}")


if __name__ == "__main__":
    main()
