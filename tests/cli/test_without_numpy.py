"""8-bit pictures are filtered and pooled without numpy: the compiled core gives the pixels that numpy gives."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.kernels.catalog import CATALOG
from tests.support.command_line import SAMPLES
from tests.support.engines import NEEDS_CORE, Engine, use_engine

# Runs command lines, one after the other, in a process that cannot import numpy if the core is to do without.
DRIVER = """
import json, os, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            raise ImportError("numpy was imported")

if os.environ["CONVCLI_PURE"] == "0":
    sys.meta_path.insert(0, Refused())
from convcli.cli.error_handling import run
codes = [run(line) for line in json.loads(sys.argv[1])]
sys.stdout.flush()
print(json.dumps(codes), "numpy" in sys.modules, file=sys.stderr)
"""
PNG_FILES = ("gray.png", "rgb.png", "opaque.png")
FILES = (*PNG_FILES, "gray.jpg", "rgb.jpg")


def run_lines(engine: Engine, folder: Path, *lines: list[str], stdin: bytes = b"") -> tuple[bytes, list[str]]:
    """Run command lines in one process, each of which must end well; return what they print, and their notes."""
    with use_engine(engine):
        ran = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(lines)],
            cwd=folder,
            input=stdin,
            capture_output=True,
            check=False,
        )
    *notes, last = ran.stderr.decode().splitlines()
    assert last.startswith(str([0] * len(lines))), notes[-9:]
    if engine == Engine.COMPILED:
        assert last.endswith("False")
    return ran.stdout, notes


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with pictures of all kinds, each of them a photograph of several thousand pixels."""
    photo = Image.open(SAMPLES / "chelsea.png").crop((120, 60, 231, 143))
    photo.info.clear()  # no color profile
    photo.save(tmp_path / "rgb.png")
    photo.convert("L").save(tmp_path / "gray.png")
    opaque = photo.copy()
    opaque.putalpha(255)
    opaque.save(tmp_path / "opaque.png")
    photo.save(tmp_path / "rgb.jpg", quality=90)
    photo.convert("L").save(tmp_path / "gray.jpg", quality=90)
    return tmp_path


def assert_same_results(folder: Path, compiled: bytes, pure: bytes) -> None:
    """Check that both engines wrote the same pixels, and reported the same."""
    files = sorted(path.name for path in (folder / "compiled").iterdir())
    assert files == sorted(path.name for path in (folder / "numpy").iterdir()) != []
    records = [
        sorted(map(json.loads, out.decode().splitlines()), key=lambda record: Path(record["output"]).name)
        for out in (compiled, pure)
    ]
    assert len(records[0]) == len(records[1]) == len(files)
    for ours, oracle in zip(*records, strict=True):
        assert list(ours) == list(oracle)
        for key in set(ours) - {"output", "seconds", "plan"}:
            assert_same_value(ours[key], oracle[key])
        assert_same_pixels(folder, Path(ours["output"]).name, exact="float" not in ours["dtype"])


def assert_same_pixels(folder: Path, name: str, *, exact: bool) -> None:
    """Check two results; where floats decide, a value halfway between two levels may be rounded either way."""
    with Image.open(folder / "compiled" / name) as ours, Image.open(folder / "numpy" / name) as oracle:
        assert ours.mode == oracle.mode
        differences = np.abs(np.asarray(ours).astype(int) - np.asarray(oracle))
    assert differences.max() <= (0 if exact else 1), name
    assert np.count_nonzero(differences) <= differences.size / 1000, name


def assert_same_value(value: Any, expected: Any) -> None:
    if isinstance(expected, float):
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-5)
    else:
        assert value == expected


def run_both(folder: Path, *arguments: str) -> None:
    """Run a command with each engine and compare."""
    out, notes = {}, {}
    for engine in (Engine.COMPILED, Engine.NUMPY):
        options = ["--name", "{name}-{filter}.{ext}", "--out-dir", str(engine), "--json"]
        out[engine], notes[engine] = run_lines(engine, folder, [*arguments, *options])
    assert sorted(notes[Engine.COMPILED]) == sorted(notes[Engine.NUMPY])
    assert_same_results(folder, out[Engine.COMPILED], out[Engine.NUMPY])


@NEEDS_CORE
@pytest.mark.parametrize("jobs", ["2", pytest.param("1", marks=pytest.mark.thorough)])
def test_every_named_filter(pictures: Path, jobs: str) -> None:
    names = [word for name in CATALOG for word in ("--filter", name)]
    run_both(pictures, "apply", *(FILES if jobs == "1" else PNG_FILES), *names, "-j", jobs)


@NEEDS_CORE
@pytest.mark.thorough(every=5)
@pytest.mark.parametrize(
    "options",
    [
        ("--signed", "clip"), ("--signed", "center", "--scale", "gain"), ("--signed", "stretch"), ("--relu",),
        ("--scale", "0.3", "--bias", "-4.5"), ("--padding", "valid", "--border", "zero"), ("--stride", "2x3"),
        ("--border", "wrap", "--dilation", "2", "--flip"), ("--padding", "3:1x0:2", "--border", "constant:90"),
        ("--channels", "g"), ("--channels", "gray"), ("--channels", "sum"), ("--alpha", "filter"), ("--alpha", "straight"),
    ],
)  # fmt: skip
def test_every_option(pictures: Path, options: tuple[str, ...]) -> None:
    files = PNG_FILES if options[:1] != ("--channels",) else ("rgb.png", "opaque.png")
    names = ("--filter", "sobel-x", "--filter", "sobel", "--filter", "gaussian:sigma=1.3")
    run_both(pictures, "apply", *files, *names, *options)


@pytest.mark.thorough(every=2)
@NEEDS_CORE
@pytest.mark.parametrize("file_format", ["jpeg", "webp", "bmp", "pnm"])
def test_every_common_format(pictures: Path, file_format: str) -> None:
    run_both(pictures, "apply", "rgb.png", "gray.jpg", "--filter", "box", "--format", file_format)


@NEEDS_CORE
@pytest.mark.parametrize(
    "options", [(), ("--mode", "avg"), ("--f", "3", "--s", "2", "--p", "1", "--mode", "avg")]
)
def test_pooling(pictures: Path, options: tuple[str, ...]) -> None:
    run_both(pictures, "pool", *FILES, *options)


@NEEDS_CORE
def test_standard_streams(pictures: Path) -> None:
    content = (pictures / "rgb.jpg").read_bytes()
    lines = ["apply", "-", "--filter", "laplacian", "-o", "-"]
    ours, oracle = (run_lines(engine, pictures, lines, stdin=content)[0] for engine in Engine)
    for name, out in (("ours.png", ours), ("oracle.png", oracle)):
        (pictures / name).write_bytes(out)
    with Image.open(pictures / "ours.png") as result, Image.open(pictures / "oracle.png") as expected:
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@NEEDS_CORE
def test_a_typed_kernel(pictures: Path) -> None:
    run_lines(Engine.COMPILED, pictures, ["apply", "gray.png", "--kernel", "1 0 -1", "-o", "typed.png"])
