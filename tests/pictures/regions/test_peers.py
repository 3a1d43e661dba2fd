"""libvips reads what is written, and its pyramids are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcli.pictures.picture import Picture
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.writing.tiff import write_tiff
from convcli.pipeline.recipes.pooling import halve
from tests.pictures.regions.tiff_files import random_samples, smooth_samples

pyvips: Any = pytest.importorskip("pyvips")


@pytest.mark.parametrize("options", [{}, {"subifd": True}])
@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "jpeg"])
def test_pyramids_of_vips(compression: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = str(tmp_path / "x.tif")
    image = pyvips.Image.new_from_array(smooth_samples(301, 423))
    layout = {"tile": True, "tile_width": 64, "tile_height": 64, "pyramid": True, "bigtiff": True}
    image.tiffsave(path, compression=compression, **layout, **options)
    for level in range(4):
        which = {"subifd": level - 1} if options else {"page": level}
        expected = pyvips.Image.new_from_file(path, **which).numpy()
        large = open_large(path, path, level=level)
        assert large is not None
        with large:
            assert np.array_equal(large.read(0, len(expected)).pixels, expected)


@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "jpeg"])
def test_vips_reads_what_is_written(compression: str, tmp_path: Path) -> None:
    array = smooth_samples(301, 423) if compression == "jpeg" else random_samples("u2", 301, 423, 3)
    path = tmp_path / "x.tif"
    strips = [Picture(array[top : top + 50]) for top in range(0, 301, 50)]
    with path.open("w+b") as stream:
        write_tiff(stream, "x.tif", strips, 301, Storage(compression, (64, 64), True), halve=halve)
    for level in range(4):
        which = {"subifd": level - 1} if level else {}
        found = pyvips.Image.new_from_file(str(path), **which).numpy()
        large = open_large(path, "x.tif", level=level)
        assert large is not None
        with large:
            assert np.array_equal(large.read(0, 301 >> level).pixels, found)
    assert compression == "jpeg" or np.array_equal(pyvips.Image.new_from_file(str(path)).numpy(), array)
