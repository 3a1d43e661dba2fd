"""Decoding in the background gives the same pictures and errors as decoding when asked; several decoders."""

import io
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from convcli import parallel as processors
from convcli.errors import ImageError, NotKeptWhole
from convcli.pictures.formats import decoding
from convcli.pictures.formats.decoding import decode, readable_extensions, readable_formats, start_decoding
from convcli.pictures.formats.pillow import decoder as pillow
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_picture

GENERATOR = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _small_files_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BACKGROUND_MIN_BYTES", 0)
    monkeypatch.setattr(decoding, "_started", {})


def saved(path: Path, shape: tuple[int, ...] = (40, 50, 3)) -> str:
    Image.fromarray(GENERATOR.integers(0, 256, shape, np.uint8)).save(path, exif=Image.Exif())
    return str(path)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_decoding_in_the_background_gives_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shape: tuple[int, ...]
) -> None:
    path = saved(tmp_path / name, shape)
    expected = load_picture(path, path)
    start_decoding(path)
    with monkeypatch.context() as patched:
        begun, deadline = decoding._started[path], time.monotonic() + 60
        while begun._result is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        patched.setattr(decoding, "_decode", None)  # nothing is decoded twice
        picture = load_picture(path, path)
    assert np.array_equal(picture.pixels, expected.pixels)
    assert (picture.profile, picture.resolution, picture.notes) == (
        expected.profile, expected.resolution, expected.notes,
    )  # fmt: skip
    assert decoding._started == {}
    assert np.array_equal(load_picture(path, path).pixels, expected.pixels)  # and again, from the file


@pytest.mark.parametrize("size", [20, 300, 4000])
def test_a_damaged_file_is_reported_when_it_is_decoded(tmp_path: Path, size: int) -> None:
    path = saved(tmp_path / "x.png")
    Path(path).write_bytes(Path(path).read_bytes()[:size])
    start_decoding(path)
    with pytest.raises(ImageError, match=r"x\.png: (is truncated|cannot be decoded)"):
        load_picture(path, path)


def test_a_png_without_pixels_cannot_be_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png")
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: content.index(b"IDAT") - 4] + content[content.index(b"IEND") - 4 :])
    with pytest.raises(ImageError, match=r"x\.png: cannot be decoded: cannot load this image"):
        load_picture(path, path)


def test_only_large_png_and_jpeg_files_are_decoded_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x.tiff", "x.bmp", "x.webp"):
        start_decoding(saved(tmp_path / name))
    (tmp_path / "x.csv").write_text("1 2 3\n")
    for other in (tmp_path / "x.csv", tmp_path / "missing.png", tmp_path, Path("/dev/null"), Path("-")):
        start_decoding(str(other))
    monkeypatch.setattr(decoding, "BACKGROUND_MIN_BYTES", 1 << 20)
    start_decoding(saved(tmp_path / "small.png"))
    assert decoding._started == {}


def test_nothing_waits_for_a_thread_that_never_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "x.png")
    expected = load_picture(path, path)
    monkeypatch.setattr(processors, "start_new_thread", lambda *_: None)
    start_decoding(path)
    assert np.array_equal(load_picture(path, path).pixels, expected.pixels)

    def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(processors, "start_new_thread", refused)
    start_decoding(path)
    assert decoding._started == {}


def test_limits_hold_for_pictures_decoded_in_the_background(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png")
    start_decoding(path)
    with pytest.raises(ImageError, match="has 50x40 = 2000 pixels, more than 1999"):
        load_picture(path, path, Limits(pixels=1999))


def test_a_stream_without_a_name_is_decoded(tmp_path: Path) -> None:
    content = Path(saved(tmp_path / "x.png")).read_bytes()
    decoded = decode(io.BytesIO(content), "stream")
    assert decoded is not None
    assert decoded.to_picture("stream").pixels.shape == (40, 50, 3)


class TextDecoder:
    """A decoder of a format of its own: one pixel, the letter behind a hash sign."""

    FORMATS = ("PNG", "LETTER")
    EXTENSIONS = (".letter",)

    def decode(self, stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> "TextDecoder | None":
        del limits, frame
        head = stream.read(2)
        self.letter = head[1:]
        return self if head[:1] == b"#" and name else None

    def check_size(self, name: str, limits: Limits) -> None:
        raise AssertionError(name, limits)

    def to_picture(self, name: str) -> Picture:
        return Picture(np.array([[*self.letter]], np.uint8), notes=(name,))


DEEP_PPM = b"P6 1 1 65535\n\1\2\3\4\5\6"


class DeepDecoder(TextDecoder):
    """A decoder that reads what Pillow would cut."""

    def decode(self, stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> "TextDecoder | None":
        self.letter = stream.read(2)
        return self if name and limits and frame is None else None


class CuttingDecoder(TextDecoder):
    def decode(self, stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> "TextDecoder | None":
        raise NotKeptWhole(name, f"would lose {stream.read(1)!r}, {limits} and {frame}")


def test_the_next_decoder_reads_what_the_first_would_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODERS", (pillow, CuttingDecoder(), DeepDecoder()))
    decoded = decode(io.BytesIO(DEEP_PPM), "deep.ppm")
    assert decoded is not None
    assert decoded.to_picture("deep.ppm").pixels.tolist() == [[ord("P"), ord("6")]]


def test_what_no_decoder_keeps_whole_is_refused_with_the_first_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "DECODERS", (pillow, CuttingDecoder()))
    with pytest.raises(NotKeptWhole) as caught:
        decode(io.BytesIO(DEEP_PPM), "deep.ppm")
    assert str(caught.value) == (
        "deep.ppm: holds 16 bits per color channel, which Pillow would cut to 8; "
        "pip install 'convcli[deep]' reads it"
    )


def test_the_first_decoder_that_reads_a_format_decodes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODERS", (*decoding.DECODERS, TextDecoder()))
    decoded = decode(io.BytesIO(b"#A"), "letter")  # Pillow has read from the stream before
    assert decoded is not None
    picture = decoded.to_picture("letter")
    assert (picture.pixels.tolist(), picture.notes) == ([[65]], ("letter",))
    assert decode(io.BytesIO(b"A#"), "letter") is None
    assert readable_formats() == "PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000, JPEG XL and LETTER"
    assert {".letter", ".png"} < readable_extensions()
