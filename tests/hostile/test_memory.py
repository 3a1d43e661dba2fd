"""Estimates of memory are upper bounds of what a run really takes, and not far above."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture

SIDES = {"tiny": 40, "large": 2000}
MAX_RATIO = 1.5
SMALL = 4e6  # bytes by which the interpreter may grow meanwhile

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux"),
]


def gray(side: int) -> NDArray[np.uint8]:
    """Return waves with some noise, which compress as a photograph does."""
    down, across = np.mgrid[0:side, 0:side].astype(np.float32)
    noise = np.random.default_rng(5).normal(0, 6, (side, side))
    waves: NDArray[np.float64] = 128 + 60 * np.sin(across / 37) + 40 * np.cos(down / 23) + noise
    return waves.clip(0, 255).astype(np.uint8)


def write_inputs(folder: Path, side: int) -> None:
    plane = gray(side)
    color = np.dstack([plane, 255 - plane, np.roll(plane, 50, 1)])
    image = Image.fromarray(color)
    image.save(folder / "color.jpg", quality=92)
    image.save(folder / "progressive.jpg", quality=92, subsampling=0, progressive=True)
    image.save(folder / "color.tif")
    image.save(folder / "color.gif")
    image.save(folder / "color.webp", lossless=True, method=0)
    image.save(folder / "color.avif", speed=10)
    Image.fromarray(plane).save(folder / "gray.png")
    Image.fromarray(plane > 128).save(folder / "bits.png")
    Image.fromarray(plane.astype(np.float32)).save(folder / "float.tif")
    np.save(folder / "color.npy", color)
    deep = color.astype(np.uint16) * 257
    pictures = {"alpha.png": Picture(color, plane), "deep.png": Picture(deep), "deep.tiff": Picture(deep)}
    pictures |= {"gray16.png": Picture(deep[..., 0]), "deep.jp2": Picture(deep), "color.jxl": Picture(color)}
    for name, picture in pictures.items():
        content = encode(picture, OutputFormat(name.partition(".")[2]), name)
        (folder / name).write_bytes(b"".join(content))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory")
    for name, side in SIDES.items():
        (folder / name).mkdir()
        write_inputs(folder / name, side)
    return folder


def measure(inputs: Path, arguments: list[str], tmp_path: Path) -> tuple[int, int]:
    """Return the estimate and the peak of a command line, where ``{in}`` is the folder of inputs."""
    lines = [
        [
            text.replace("{in}", str(inputs / name)).replace("{out}", str(tmp_path / name))
            for text in arguments
        ]
        for name in SIDES
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.memory_peak"],
        input=json.dumps(lines), capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, estimate, peak = json.loads(ran.stdout)
    assert code == 0, ran.stderr
    return estimate, peak


def assert_close(estimate: int, peak: int) -> None:
    assert peak - SMALL < estimate < MAX_RATIO * peak + SMALL, f"{estimate=} {peak=} {estimate / peak:.2f}"


# Of the formats; tests/pictures measures decoding alone, for all kinds of pictures in them.
INPUTS = [
    "color.jpg", "progressive.jpg", "color.tif", "color.gif", "color.webp", "color.avif", "alpha.png",
    "bits.png", "float.tif", "color.npy", "deep.png", "deep.tiff", "deep.jp2", "color.jxl",
]  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_format(inputs: Path, tmp_path: Path, name: str) -> None:
    arguments = ["apply", f"{{in}}/{name}", "--filter", "sobel-x", "-o", "{out}.png"]
    assert_close(*measure(inputs, arguments, tmp_path))


@pytest.mark.parametrize(
    ("name", "output"),
    [
        *(
            ("color.jpg", kind)
            for kind in ("jpg", "tiff", "webp", "bmp", "ppm", "avif", "npy", "jp2", "jxl", "gif")
        ),
        *(("gray.png", kind) for kind in ("webp", "avif", "jxl", "gif")),
    ],
)
def test_every_output_format(inputs: Path, tmp_path: Path, name: str, output: str) -> None:
    arguments = ["apply", f"{{in}}/{name}", "--filter", "identity", "-o", f"{{out}}.{output}"]
    assert_close(*measure(inputs, arguments, tmp_path))


def test_text(inputs: Path, tmp_path: Path) -> None:
    arguments = ["apply", "{in}/gray.png", "--filter", "box", "--stride", "3", "-o", "{out}.csv"]
    assert_close(*measure(inputs, arguments, tmp_path))


OPERATIONS = {
    "magnitude": ["apply", "--filter", "sobel", "-o", "{out}.png"],
    "bias and relu": ["apply", "--filter", "sobel-x", "--bias", "3", "--relu", "-o", "{out}.png"],
    "large gaussian": ["apply", "--filter", "gaussian:sigma=30", "-o", "{out}.png"],
    "one thread": ["apply", "--filter", "gaussian:sigma=30", "-j", "1", "-o", "{out}.png"],
    "large gabor": ["apply", "--filter", "gabor:size=31", "-o", "{out}.png"],
    "fourier": ["apply", "--filter", "log:sigma=10", "-o", "{out}.png"],
    "mean of 3x3": ["apply", "--filter", "box", "-o", "{out}.png"],
    "sum": ["apply", "--filter", "sobel-x", "--channels", "sum", "-o", "{out}.png"],
    "stretch": ["apply", "--filter", "sobel-x", "--signed", "stretch", "-o", "{out}.png"],
    "raw": ["apply", "--filter", "sobel-x", "--signed", "raw", "-o", "{out}.npy"],
    "maps": ["apply", "--bank", "gabor:4", "--channels", "gray", "-o", "{out}.npy"],
    "pages": ["apply", "--bank", "sobel:4", "--channels", "gray", "-o", "{out}.tiff"],
    "combined": ["apply", "--bank", "sobel:4", "--channels", "gray", "--combine", "max", "-o", "{out}.png"],
    "means": ["pool", "--mode", "avg", "--f", "3", "--s", "2", "-o", "{out}.png"],
    "sheet": ["apply", "--filter", "sobel-x", "--sheet", "{out}.png"],
    "direction": ["apply", "--filter", "sobel", "--direction", "{out}.png"],
    "explain": ["explain", "--filter", "sobel-x", "--at", "10,10"],
}


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        *((operation, "color.jpg") for operation in OPERATIONS if operation != "one thread"),
        *((operation, "alpha.png") for operation in ("one thread", "mean of 3x3", "means", "sheet")),
        *((operation, "gray.png") for operation in ("magnitude", "raw", "stretch", "means")),
        *((operation, "gray16.png") for operation in ("magnitude", "sum", "sheet")),
        *((operation, "float.tif") for operation in ("maps", "means")),
    ],
)
def test_every_operation(inputs: Path, tmp_path: Path, name: str, operation: str) -> None:
    command, *options = OPERATIONS[operation]
    if name == "float.tif":
        options = [option for option in options if option not in ("--channels", "gray", "sum")]
        options = [
            "{out}.npy" if command == "pool" and option == "{out}.png" else option for option in options
        ]
    assert_close(*measure(inputs, [command, f"{{in}}/{name}", *options], tmp_path))
