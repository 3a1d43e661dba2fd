"""``--by-tiles``, ``--level``, ``--region``, ``--pyramid``: against the same pictures in memory."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convcli as library
from convcli.pictures.formats.output_formats import EXTRA_MODULES
from convcli.pipeline.large import strips
from tests.hostile.run_convcli import PATHS
from tests.support.command_line import SAMPLES, Runner, assert_failed, assert_refused, nothing_changes

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

Array = NDArray[Any]
CAT = SAMPLES / "chelsea.png"


@pytest.fixture(autouse=True)
def _short_strips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cat() -> Array:
    """Write ``cat.tif``, in tiles, and return its pixels."""
    pixels = np.array(Image.open(CAT))
    tifffile.imwrite(
        "cat.tif", pixels, tile=(64, 64), compression="zlib", resolution=(72, 72), resolutionunit="inch"
    )
    return pixels


@pytest.fixture
def pyramid() -> list[Array]:
    """Write ``pyramid.tif`` of three levels, and return them."""
    full = np.array(Image.open(SAMPLES / "camera.png"))
    levels = [full, full[::2, ::2] // 2, full[::4, ::4] // 4]
    with tifffile.TiffWriter("pyramid.tif") as writer:
        for number, level in enumerate(levels):
            kind: dict[str, Any] = {"subifds": 2} if not number else {"subfiletype": 1}
            writer.write(level, tile=(128, 128), compression="zlib", metadata=None, **kind)
    return levels


OPTIONS = [
    ["--filter", "sobel"],
    ["--filter", "sobel-x", "--signed", "center", "--stride", "2"],
    ["--filter", "gaussian:sigma=3", "--border", "wrap"],
    ["--filter", "sobel-x", "--signed", "stretch", "--channels", "gray"],
    ["--filter", "prewitt-y", "--signed", "gray", "--border", "reflect", "--padding", "7"],
    ["--filter", "laplacian", "--signed", "raw", "--relu", "--bias", "-3"],
    ["--bank", "prewitt:4", "--combine", "max", "--scale", "0.5"],
]


@pytest.mark.usefixtures("cat")
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_a_picture_by_tiles_is_that_in_memory(convcli: Runner, options: list[str]) -> None:
    whole = convcli("apply", "cat.tif", *options, "--json", "-o", "whole.tif")
    tiled = convcli("apply", "cat.tif", *options, "--json", "--by-tiles", "-o", "tiled.tif")
    assert (whole.code, tiled.code) == (0, 0)
    assert whole.err == tiled.err
    records = [json.loads(ran.out) for ran in (whole, tiled)]
    for record in records:
        for key in ("output", "plan", "seconds"):
            record.pop(key)
        record["mean"] = pytest.approx(record["mean"], rel=1e-12)
    assert records[0] == records[1]
    found, expected = (library.read_picture(name) for name in ("tiled.tif", "whole.tif"))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.resolution == expected.resolution == (72, 72)
    with tifffile.TiffFile("tiled.tif") as tiff:
        page = tiff.pages[0]
        assert page.is_tiled
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_pooling_by_tiles(convcli: Runner, cat: Array) -> None:
    assert convcli("pool", "cat.tif", "--mode", "avg", "--f", "3", "--by-tiles", "-o", "tiled.tif").code == 0
    expected = library.pool(cat, mode="avg", size=3, rounded=True)
    np.testing.assert_array_equal(tifffile.imread("tiled.tif"), expected)


def test_alpha_and_the_background_by_tiles(convcli: Runner) -> None:
    random = np.random.default_rng(5)
    rgba = random.integers(0, 256, (300, 70, 4), np.uint8)
    tifffile.imwrite("rgba.tif", rgba, photometric="rgb", extrasamples=["unassalpha"], tile=(64, 64))
    for options in ([], ["--background", "white"]):
        for way in ([], ["--by-tiles"]):
            name = f"{len(way)}.tif"
            ran = convcli("apply", "rgba.tif", "--filter", "box", *options, *way, "-o", name, "--force")
            assert ran.code == 0
        np.testing.assert_array_equal(tifffile.imread("0.tif"), tifffile.imread("1.tif"))


def test_a_colored_background_makes_gray_tiles_a_color(convcli: Runner) -> None:
    gray = np.random.default_rng(6).integers(0, 256, (100, 30, 2), np.uint8)
    tifffile.imwrite("gray.tif", gray, photometric="minisblack", extrasamples=["unassalpha"], tile=(16, 16))
    records = []
    for way in ([], ["--by-tiles"]):
        command = ["apply", "gray.tif", "--filter", "box", "--background", "#ff8800", "--json", *way]
        ran = convcli(*command, "-o", f"{len(way)}.tif")
        assert ran.code == 0
        records.append(json.loads(ran.out))
    assert [record["shape_in"] for record in records] == ["100x30x3"] * 2
    np.testing.assert_array_equal(tifffile.imread("0.tif"), tifffile.imread("1.tif"))


def test_a_background_of_64_bits_is_refused_as_in_memory(convcli: Runner) -> None:
    rgba = np.arange(320, dtype=np.uint64).reshape(10, 8, 4)
    tifffile.imwrite("rgba.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    for way in ([], ["--by-tiles"]):
        ran = convcli("apply", "rgba.tif", "--filter", "box", "--background", "white", *way, "-o", "x.tif")
        assert_failed(ran, 1, "rgba.tif: background: uint64 numbers have no black and white; leave it out")


def test_results_of_tiles_are_tiff_files(convcli: Runner, cat: Array) -> None:
    assert convcli("apply", "cat.tif", "--filter", "sobel", "--by-tiles").out == "cat-sobel.tiff\n"
    expected = library.render(library.apply_filter(cat, "sobel"))
    np.testing.assert_array_equal(tifffile.imread("cat-sobel.tiff"), expected)
    assert_failed(convcli("apply", "cat.tif", "--filter", "sobel", "--by-tiles"), 1, "cat-sobel.tiff: exists")
    assert convcli("apply", "cat.tif", "--filter", "sobel", "--by-tiles", "--skip-existing").code == 0


def test_a_picture_that_is_too_large_is_filtered_by_tiles(convcli: Runner, cat: Array) -> None:
    command = ["apply", "cat.tif", "--filter", "sobel"]
    for limit in (["--max-pixels", "10k"], ["--max-memory", "3M"]):
        assert convcli(*command, *limit, "-o", "edges.tif", "--force").code == 0
        expected = library.render(library.apply_filter(cat, "sobel"))
        np.testing.assert_array_equal(tifffile.imread("edges.tif"), expected)
    with nothing_changes(Path()):
        ran = convcli(*command, "--max-pixels", "10k")
        assert_failed(ran, 1, "cat.tif: has 451x300 = 135300 pixels, more than 10000; raise the limit with")
        assert ran.err.endswith(
            ", or write a .tif or .zarr, which is done in parts, or read less with --region or --level\n"
        )
        ran = convcli(*command, "--max-pixels", "10k", "--sheet", "sheet.png")
        assert_failed(ran, 1, "cat.tif: has 451x300 = 135300 pixels, more than 10000; raise the limit with")
        assert ran.err.endswith("--max-pixels, or read less with --region or --level\n")
        ran = convcli(*command, "--max-memory", "10k", "-o", "edges2.tif")
        assert_failed(ran, 1, "cat.tif: needs about ")


@pytest.mark.parametrize("limit", ["8M", "300M"])
def test_many_maps_are_made_of_few_rows_at_a_time(
    convcli: Runner, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = np.random.default_rng(2).integers(0, 256, (300, 400), np.uint8)
    tifffile.imwrite("wide.tif", wide, tile=(256, 256))
    monkeypatch.setattr("convcli.pipeline.large.results.WANTED_BYTES", 1 << 20)
    command = ["apply", "wide.tif", "--bank", "prewitt:32", "--by-tiles", "--max-memory", limit]
    ran = convcli(*command, "-o", "maps.tif")
    if limit == "8M":
        assert_failed(ran, 1, "wide.tif: needs about ")
        return
    assert ran.code == 0
    assert convcli("apply", "wide.tif", "--bank", "prewitt:32", "-o", "whole.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread("maps.tif"), tifffile.imread("whole.tif"))


def test_pictures_that_are_read_whole_stay_limited(convcli: Runner) -> None:
    with nothing_changes(Path()):
        ran = convcli("apply", CAT, "--filter", "sobel", "--max-pixels", "10k", "-o", "edges.tif")
        assert_failed(ran, 1, f"{CAT}: has 451x300 = 135300 pixels, more than 10000; raise the limit")
        assert "in parts" not in ran.err
        ran = convcli("apply", CAT, "--filter", "sobel", "--by-tiles", "-o", "edges.tif")
        assert_failed(
            ran, 1, f"{CAT}: cannot be read in parts, as a TIFF or a .zarr is; leave --by-tiles out"
        )


@pytest.mark.usefixtures("cat")
def test_without_the_extra_its_name_is_given(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_MODULES, "deep", ("no_such_module",))
    command = ["apply", "cat.tif", "--filter", "sobel", "-o", "edges.tif"]
    advice = "a TIFF is read in parts by tifffile; pip install 'convcli[deep]' brings it\n"
    with nothing_changes(Path()):
        assert_failed(convcli(*command, "--by-tiles"), 1, f"cat.tif: {advice}")
        ran = convcli(*command, "--max-pixels", "10k")
        assert_failed(ran, 1, "cat.tif: has 451x300 = 135300 pixels, more than 10000; raise the limit with")
        assert ran.err.endswith(advice)
        ran = convcli(*command, "--pyramid")
        assert_failed(
            ran, 1, "cat.tif: a tiled TIFF is written by tifffile; pip install 'convcli[deep]' brings"
        )


@pytest.mark.parametrize("by_tiles", [[], ["--by-tiles"]])
def test_levels_of_a_pyramid(convcli: Runner, pyramid: list[Array], by_tiles: list[str]) -> None:
    for number, level in enumerate(pyramid):
        arguments = ["--filter", "sobel", "--level", str(number), "-o", f"{number}.tif", *by_tiles]
        assert convcli("apply", "pyramid.tif", *arguments).code == 0
        expected = library.render(library.apply_filter(level, "sobel"))
        np.testing.assert_array_equal(tifffile.imread(f"{number}.tif"), expected)
    ran = convcli("apply", "pyramid.tif", "--filter", "sobel", "--level", "3", "-o", "3.tif", *by_tiles)
    assert_failed(ran, 1, "pyramid.tif: has no level 3: its levels, 0 to 2, are 512x512, 256x256, 128x128")


@pytest.mark.usefixtures("pyramid")
def test_a_lower_level_has_limits_of_its_own(convcli: Runner) -> None:
    command = ["apply", "pyramid.tif", "--filter", "sobel", "--max-pixels", "17k"]
    assert convcli(*command, "--level", "2", "-o", "small.png").code == 0
    assert convcli(*command, "--level", "1", "-o", "large.png").code == 1


@pytest.mark.parametrize("by_tiles", [[], ["--by-tiles"]])
@pytest.mark.parametrize("source", ["cat.tif", "photo.png"])
def test_a_region(convcli: Runner, cat: Array, source: str, by_tiles: list[str]) -> None:
    if source == "photo.png":
        if by_tiles:
            pytest.skip("PNG files are read whole")
        Image.fromarray(cat).save(source)
    arguments = ["--filter", "sobel", "--region", "33,100,150x47", "-o", "part.tif"]
    assert convcli("apply", source, *arguments, *by_tiles).code == 0
    expected = library.render(library.apply_filter(cat[100:147, 33:183], "sobel"))
    np.testing.assert_array_equal(library.read_image("part.tif"), expected)
    ran = convcli("apply", source, "--filter", "sobel", "--region", "400,0,100x10", "-o", "x.tif", *by_tiles)
    assert_failed(ran, 1, f"{source}: has no region 400,0,100x10: it is 451 pixels wide and 300 high")


@pytest.mark.usefixtures("cat")
@pytest.mark.parametrize("region", [(1, 2, 30), (1, 2, 30, 40, 50), 7, "", (0, 0, 5, 0), (0, -1, 5, 5)])
def test_what_is_no_region(region: Any) -> None:
    with pytest.raises(library.ConvcliError, match=r"^region"):
        library.read_picture("cat.tif", region=region)


@pytest.mark.parametrize("source", ["cat.tif", "photo.png"])
def test_a_pyramid_is_written(convcli: Runner, cat: Array, source: str) -> None:
    Image.fromarray(cat).save("photo.png")
    arguments = ["--filter", "identity", "--pyramid", "-o", "levels.tif"]
    assert convcli("apply", source, *arguments).code == 0
    with tifffile.TiffFile("levels.tif") as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
    assert [level.shape[:2] for level in levels][:2] == [(300, 451), (150, 225)]
    for larger, smaller in pairwise(levels):
        np.testing.assert_array_equal(smaller, library.pool(larger, mode="avg", size=2, rounded=True))


@pytest.mark.usefixtures("cat")
def test_wrong_usage(convcli: Runner) -> None:
    command = ["apply", "cat.tif", "--filter", "sobel"]
    with nothing_changes(Path()):
        for option in ("--by-tiles", "--pyramid"):
            ran = convcli(*command, option, "-o", "x.png")
            assert_refused(ran, f"{option}: writes a tiled TIFF or a .zarr, not png")
            assert_refused(
                convcli(*command, option, "-o", "-"), f"{option}: writes a tiled TIFF or a .zarr, not"
            )
            assert_refused(convcli(*command, option, "--preview"), "--preview: cannot be combined with")
            assert_refused(
                convcli(*command, option, "--sheet", "s.png"), f"{option}: cannot be combined with --sheet"
            )
        assert_refused(convcli(*command, "--level", "-1"), "--level -1: must be a whole number, at least 0")
        assert_refused(convcli(*command, "--region", "1,2"), "--region '1,2': must be X,Y,WxH")
        assert_refused(convcli(*command, "--region", "1,2,0x5"), "--region 1,2,0x5: is empty")
        assert_refused(
            convcli(*command, "--by-tiles", "--frame", "all"), "--by-tiles: cannot be combined with"
        )


@pytest.mark.usefixtures("cat")
def test_a_damaged_picture_leaves_no_file(convcli: Runner) -> None:
    content = bytearray(Path("cat.tif").read_bytes())
    with tifffile.TiffFile("cat.tif") as tiff:
        start, length = tiff.pages[0].dataoffsets[-1], tiff.pages[0].databytecounts[-1]
    content[start : start + length] = bytes(length)
    Path("damaged.tif").write_bytes(content)
    with nothing_changes(Path()):
        ran = convcli("apply", "damaged.tif", "--filter", "sobel", "--by-tiles", "-o", "edges.tif")
        assert_failed(ran, 1, "damaged.tif: ")


def test_python_does_the_same(cat: Array, pyramid: list[Array]) -> None:
    result = library.filter_file("cat.tif", "sobel", output="tiled.tif", by_tiles=True)
    expected = library.render(library.apply_filter(cat, "sobel"))
    np.testing.assert_array_equal(tifffile.imread("tiled.tif"), expected)
    assert result.record["shape_out"] == "300x451x3"
    library.pool_file("pyramid.tif", output="part.tif", level=1, region=(3, 5, 100, 80), pyramid=True)
    expected = library.pool(pyramid[1][5:85, 3:103])
    np.testing.assert_array_equal(tifffile.imread("part.tif"), expected)
    for wrong in (
        {"by_tiles": True, "output": "x.png"},
        {"region": "1,2"},
        {"level": -1},
        {"region": (0, 0, 0, 1)},
    ):
        with pytest.raises(library.UsageError):
            library.filter_file("cat.tif", "sobel", **wrong)
    with pytest.raises(library.UsageError, match="frame 'all': gives several pictures"):
        library.filter_file("cat.tif", "sobel", by_tiles=True, frame="all")


def test_parts_of_an_input_and_what_holds_it_are_never_replaced(convcli: Runner, cat: Array) -> None:
    pytest.importorskip("zarr")
    for name in ("a.zarr", "b.zarr"):
        assert convcli("apply", "cat.tif", "--filter", "box", "-o", name).code == 0
    Path("b.zarr").rename("a.zarr/b.zarr")
    Path("cat.tif").rename("a.zarr/cat.tif")
    with nothing_changes(Path()):
        for source, options in {
            "a.zarr": ["-o", "a.zarr/b.zarr"],
            "a.zarr/b.zarr": ["-o", "a.zarr/"],
            "a.zarr/cat.tif": ["-o", "a.zarr"],
            "a.zarr/": ["-o", "a.zarr/zarr.json", "--format", "tiff"],
        }.items():
            ran = convcli("apply", source, "--filter", "box", "--force", *options)
            assert_failed(ran, 1, f"{options[1]}: is an input, and inputs are never overwritten")
    assert convcli("apply", "a.zarr", "--filter", "box", "-o", "a.zarr/c.zarr").code == 0
    assert convcli("apply", "a.zarr/b.zarr", "--filter", "sobel", "-o", "a.zarr/c.zarr", "--force").code == 0
    expected = library.render(library.apply_filter(library.render(library.apply_filter(cat, "box")), "sobel"))
    np.testing.assert_array_equal(library.read_image("a.zarr/c.zarr"), expected)


KILLED = """
import os, signal, sys
from convcli.__main__ import main
from convcli.pictures.formats.output_formats import EXTRA_MODULES
from convcli.pipeline.large import strips

strips.STRIP_BYTES = 1
read = strips.StripRun._read

def read_or_die(self, span):
    if span.start:
        os.kill(os.getpid(), signal.SIGTERM)
    return read(self, span)

strips.StripRun._read = read_or_die
sys.argv[1:] = ["apply", "cat.tif", "--filter", "sobel", "--by-tiles", "-o", "edges.{extension}"]
main()
"""


@pytest.mark.usefixtures("cat")
@pytest.mark.parametrize("extension", ["tif", "zarr"])
def test_a_signal_leaves_no_file(extension: str) -> None:
    if extension == "zarr":
        pytest.importorskip("zarr")
    program = KILLED.format(extension=extension)
    with nothing_changes(Path()):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            env=os.environ | PATHS,
            timeout=60,
            check=False,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (-signal.SIGTERM, b"", b"")
