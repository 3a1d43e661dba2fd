"""A picture that does not fit in memory: filtered by tiles, beside vips, and compared with parts of it in memory."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

import convcli
from tests.benchmarks.photographs import Subject, photograph
from tests.scale import measuring
from tests.scale.measuring import Run, Table

__all__ = ["measure_large_picture"]

TILE = 256
BAND = 16 * TILE  # rows that are made at a time, and repeated further below
CHECKED = 12  # rectangles of each result that are compared
CHECKED_SIDE = 300
FILTERS = {"sobel": ["sobel"], "gaussian:sigma=2": ["gaussblur", "2"]}
"""Our filters, and how vips does the same."""
REACH = 10  # pixels beside a rectangle that a filter reads, at most
COMPRESSIONS = {"none": None, "deflate": "zlib"}


def measure_large_picture(folder: Path, height: int, width: int, rounds: int) -> None:
    """Filter a gray TIFF of that size, check the results, and print what it takes beside vips."""
    table = Table(
        "filter", "compression", "command", "seconds", "megapixels a second", "peak MB", "relative to vips"
    )
    for compression, codec in COMPRESSIONS.items():
        source = folder / f"{compression}.tif"
        write_picture(source, height, width, codec)
        for name, operation in FILTERS.items():
            commands = {"convcli": our_command(source, name, folder / "ours.tif")}
            if shutil.which("vips"):
                target = f"{folder / 'vips.tif'}[tile,tile-width={TILE},tile-height={TILE},bigtiff"
                target += f",compression={compression}]"
                commands["vips"] = ["vips", operation[0], str(source), target, *operation[1:]]
            runs: dict[str, list[Run]] = {command: [] for command in commands}
            for _, (command, line) in product(range(rounds), commands.items()):
                runs[command].append(measuring.run(line))
            check_result(source, folder / "ours.tif", name)
            found = {command: measuring.medians(measured) for command, measured in runs.items()}
            for command, figures in found.items():
                ratios = "1"
                if "vips" in found and command == "convcli":
                    time = figures.seconds / found["vips"].seconds
                    ratios = f"{time:.2f} time, {figures.peak_bytes / found['vips'].peak_bytes:.2f} memory"
                speed = height * width / figures.seconds / 1e6
                table.add(
                    name, compression, command, f"{figures.seconds:.1f}", f"{speed:.0f}",
                    f"{figures.peak_bytes / 1e6:.0f}", ratios,
                )  # fmt: skip
        source.unlink()


def our_command(source: Path, name: str, target: Path) -> list[str]:
    """Return our command."""
    return [
        *measuring.convcli, "apply", str(source), "--filter", name, "--by-tiles", "-o", str(target), "--force"
    ]  # fmt: skip


def write_picture(path: Path, height: int, width: int, codec: str | None) -> None:
    """Write a tiled BigTIFF by strips; only a band of it is ever in memory."""
    tifffile.imwrite(
        path, tiles(height, width), shape=(height, width), dtype=np.uint8, tile=(TILE, TILE),
        compression=codec, bigtiff=True, photometric="minisblack", metadata=None,
    )  # fmt: skip


def tiles(height: int, width: int) -> Iterator[NDArray[Any]]:
    """Yield the tiles of a photograph that repeats further below, shifted."""
    band = photograph(Subject.GREY, min(BAND, height), width)
    for top in range(0, height, TILE):
        rows = np.roll(band[top % len(band) :][:TILE], 37 * (top // len(band)), axis=1)[: height - top]
        for left in range(0, width, TILE):
            yield np.ascontiguousarray(rows[:, left : left + TILE])


def check_result(source: Path, result: Path, name: str) -> None:
    """Compare rectangles of a result with those computed from the same rectangles of the source, in memory."""
    height, width = tifffile.TiffFile(source).pages[0].shape
    assert tifffile.TiffFile(result).pages[0].shape == (height, width)
    random = np.random.default_rng(1)
    side = min(CHECKED_SIDE, height // 2, width // 2)
    corners = [(0, 0), (height - side, width - side)]
    corners += [
        (int(random.integers(height - side)), int(random.integers(width - side))) for _ in range(CHECKED)
    ]
    for top, left in corners:
        rows = max(top - REACH, 0), min(top + side + REACH, height)
        columns = max(left - REACH, 0), min(left + side + REACH, width)
        seen = convcli.render(convcli.apply_filter(read(source, rows, columns), name))
        expected = seen[top - rows[0] :][:side, left - columns[0] :][:, :side]
        np.testing.assert_array_equal(read(result, (top, top + side), (left, left + side)), expected)


def read(path: Path, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[Any]:
    """Read a rectangle with tifffile, which reads only its tiles."""
    with tifffile.imread(path, aszarr=True) as store:
        import zarr

        stored: Any = zarr.open(store, mode="r")
        return np.asarray(stored[slice(*rows), slice(*columns)])
