"""Pooling of rasters: the pixels, statistics and commands are those of arrays, and numpy is not needed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from convcli.convolution.pooling import PoolMode, measure_raster, pool, pool_raster, pool_weighted
from convcli.convolution.statistics import measure
from convcli.convolution.weighted import SampleWeights
from convcli.errors import SizeError
from convcli.pictures.raster import Raster
from tests.support.command_line import Runner
from tests.support.engines import INSTRUCTION_SETS, NEEDS_CORE, Engine, use_engine, use_instruction_set

RANDOM = np.random.default_rng(20)


def random_raster(height: int, width: int, samples: int | None, channels: int | None, depth: int) -> Raster:
    shape = (height, width) if samples is None else (height, width, samples)
    return Raster(RANDOM.integers(0, 2**depth, shape, f"u{depth // 8}").data, channels)


LAYOUTS = [(None, None), (1, 1), (2, 2), (3, 3), (4, 3), (4, 4), (5, 5)]


@NEEDS_CORE
@given(
    sides=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    layout=st.sampled_from(LAYOUTS),
    depth=st.sampled_from([8, 16]),
    mode=st.sampled_from(PoolMode),
    size=st.one_of(st.just((2, 2)), st.tuples(st.integers(1, 9), st.integers(1, 9))),
    padding=st.integers(0, 4),
    ceil=st.booleans(),
)
def test_rasters_are_pooled_as_arrays(
    sides: tuple[int, int],
    layout: tuple[int | None, int | None],
    depth: int,
    mode: PoolMode,
    size: tuple[int, int],
    padding: int,
    ceil: bool,
) -> None:
    raster = random_raster(*sides, *layout, depth)
    options: dict[str, Any] = {"mode": mode, "size": size, "padding": padding, "ceil": ceil}
    with use_engine(Engine.NUMPY):
        try:
            expected = pool(raster.array(), rounded=True, **options)
        except SizeError:
            assume(False)
    with use_engine(Engine.COMPILED):
        pooled = pool_raster(raster, **options)
    assert (pooled.shape, pooled.depth) == (expected.shape, depth)
    assert pooled.samples.shape == (*expected.shape[:2], *layout[:1]) or layout[0] is None
    np.testing.assert_array_equal(pooled.array(), expected)


@NEEDS_CORE
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sides", [(1, 1), (7, 1), (1, 9), (300, 260)])
def test_statistics_are_those_of_the_array(
    sides: tuple[int, int], layout: tuple[int | None, int | None], depth: int
) -> None:
    raster = random_raster(*sides, *layout, depth)
    assert measure_raster(raster) == measure(raster.array())


@NEEDS_CORE
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@given(
    sides=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    layout=st.sampled_from(LAYOUTS),
    depth=st.sampled_from([8, 16]),
    mode=st.sampled_from(PoolMode),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    ceil=st.booleans(),
    shown=st.sampled_from([0, 0.1, 0.5, 1]),
    seed=st.integers(0, 2**32),
)
def test_weighted_rasters_are_pooled_as_arrays(
    instruction_set: str,
    sides: tuple[int, int],
    layout: tuple[int | None, int | None],
    depth: int,
    mode: PoolMode,
    size: tuple[int, int],
    stride: int,
    padding: int,
    ceil: bool,
    shown: float,
    seed: int,
) -> None:
    raster, full = random_raster(*sides, *layout, depth), 2**depth - 1
    random = np.random.default_rng(seed)
    alpha = random.integers(0, full, sides, f"u{depth // 8}", endpoint=True)
    alpha[random.random(sides) >= shown] = 0
    alpha[random.random(sides) < shown / 2] = full
    options: dict[str, Any] = {
        "mode": mode,
        "size": size,
        "stride": stride,
        "padding": padding,
        "ceil": ceil,
    }
    weights = SampleWeights(alpha, full, nan_if_empty=False)
    with use_engine(Engine.NUMPY):
        try:
            expected = pool_weighted(raster.array(), weights, rounded=True, **options)
        except SizeError:
            assume(False)
    with use_engine(Engine.COMPILED), use_instruction_set(instruction_set):
        pooled = pool_raster(raster, weights=Raster(alpha.data), **options)
    np.testing.assert_array_equal(pooled.array(), expected)


def save(path: Path, mode: str, *, opaque: bool = True) -> Path:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = RANDOM.integers(0, 256, (41, 53, channels), np.uint8)
    if opaque and mode in ("LA", "RGBA"):
        pixels[..., -1] = 255
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode).save(path, quality=90)
    return path


FILES = ["L.png", "LA.png", "RGB.png", "RGBA.png", "L.jpg", "RGB.jpg"]
TRANSPARENT = ["LA.transparent.png", "RGBA.transparent.png"]


@NEEDS_CORE
@pytest.mark.usefixtures("compiled_engine")
@pytest.mark.parametrize("mode", PoolMode)
def test_8_bit_pictures_are_pooled_without_numpy(tmp_path: Path, mode: PoolMode) -> None:
    names = [*FILES, *TRANSPARENT]
    paths = [
        str(save(tmp_path / name, name.partition(".")[0], opaque=name not in TRANSPARENT)) for name in names
    ]
    code = f"""
import sys
from convcli.convolution.pooling import PoolMode
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.reading import load_picture
from convcli.pipeline.recipes.pooling import pool_recipe
recipe = pool_recipe(Pooling(window=(2, 2), type="maxpool"), PoolMode({str(mode)!r}))
for path in {paths!r}:
    result = recipe.run(load_picture(path, path), False)
    print(result.record["shape_out"], "numpy" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    shapes = ["20x26", "20x26", "20x26x3", "20x26x3", "20x26", "20x26x3", "20x26", "20x26x3"]
    assert ran.stdout.splitlines() == [f"{shape} False" for shape in shapes]


@NEEDS_CORE
@pytest.mark.parametrize("alpha", ["weighted", "straight"])
@pytest.mark.parametrize("mode", PoolMode)
@pytest.mark.parametrize("name", [*FILES, *TRANSPARENT])
def test_both_engines_write_the_same_picture_and_report(
    convcli: Runner, in_folder: Path, name: str, mode: PoolMode, alpha: str
) -> None:
    save(in_folder / name, name.partition(".")[0], opaque=name not in TRANSPARENT)
    results = []
    for engine in Engine:
        output = in_folder / f"{engine}.png"
        with use_engine(engine):
            ran = convcli(
                "pool", name, "--f", "3x2", "--s", 2, "--p", 1, "--mode", mode, "--alpha", alpha, "--json", "-o", output,
            )  # fmt: skip
        assert (ran.code, ran.err) == (0, "")
        report = json.loads(ran.out)
        del report["seconds"], report["output"]
        results.append((report, np.asarray(Image.open(output)).tolist()))
    assert results[0] == results[1]
