"""Decoding that begins early gives what decoding gives, and says nothing by itself."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import decoding, processors
from convcli.decoding import begin_decoding, decode
from convcli.errors import ImageError
from convcli.images import load_picture
from convcli.limits import Limits

GENERATOR = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _small_files_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "WORTH_BEGINNING", 0)
    monkeypatch.setattr(decoding, "_begun", {})


def saved(path: Path, shape: tuple[int, ...] = (40, 50, 3)) -> str:
    Image.fromarray(GENERATOR.integers(0, 256, shape, np.uint8)).save(path, exif=Image.Exif())
    return str(path)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_what_was_begun_is_what_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shape: tuple[int, ...]
) -> None:
    path = saved(tmp_path / name, shape)
    expected = load_picture(path, path)
    begin_decoding(path)
    with monkeypatch.context() as patched:
        begun, deadline = decoding._begun[path], time.monotonic() + 60
        while begun._result is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        patched.setattr(decoding, "_decode", None)  # nothing is decoded twice
        picture = load_picture(path, path)
    assert np.array_equal(picture.pixels, expected.pixels)
    assert (picture.profile, picture.resolution, picture.notes) == (
        expected.profile, expected.resolution, expected.notes,
    )  # fmt: skip
    assert decoding._begun == {}
    assert np.array_equal(load_picture(path, path).pixels, expected.pixels)  # and again, from the file


@pytest.mark.parametrize("size", [20, 300, 4000])
def test_a_damaged_file_is_reported_when_it_is_decoded(tmp_path: Path, size: int) -> None:
    path = saved(tmp_path / "x.png")
    Path(path).write_bytes(Path(path).read_bytes()[:size])
    begin_decoding(path)
    with pytest.raises(ImageError, match=r"x\.png: (is truncated|cannot be decoded)"):
        load_picture(path, path)


def test_only_large_png_and_jpeg_files_are_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x.tiff", "x.bmp", "x.webp"):
        begin_decoding(saved(tmp_path / name))
    (tmp_path / "x.csv").write_text("1 2 3\n")
    for other in (tmp_path / "x.csv", tmp_path / "missing.png", tmp_path, Path("/dev/null"), Path("-")):
        begin_decoding(str(other))
    monkeypatch.setattr(decoding, "WORTH_BEGINNING", 1 << 20)
    begin_decoding(saved(tmp_path / "small.png"))
    assert decoding._begun == {}


def test_nobody_waits_for_a_thread_that_never_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "x.png")
    expected = load_picture(path, path)
    monkeypatch.setattr(processors, "start_new_thread", lambda *_: None)
    begin_decoding(path)
    assert np.array_equal(load_picture(path, path).pixels, expected.pixels)

    def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(processors, "start_new_thread", refused)
    begin_decoding(path)
    assert decoding._begun == {}


def test_a_lower_limit_of_pixels_holds_for_what_was_begun(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png")
    begin_decoding(path)
    with pytest.raises(ImageError, match="has 50x40 = 2000 pixels, more than 1999"):
        load_picture(path, path, Limits(pixels=1999))


def test_a_stream_without_a_name_is_decoded(tmp_path: Path) -> None:
    content = Path(saved(tmp_path / "x.png")).read_bytes()
    assert decode(io.BytesIO(content), "stream").image.size == (50, 40)
