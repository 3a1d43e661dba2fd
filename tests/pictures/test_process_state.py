"""Reading from Python changes nothing that belongs to the whole process; the program convcli may."""

import io
import logging
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path
from typing import NoReturn

import numpy as np
import PIL
import pytest
from PIL import Image, PngImagePlugin

import convcli
from convcli.errors import ImageError
from convcli.pictures.formats.pillow.libtiff_errors import captured_libtiff_errors
from tests.support.command_line import run_shell
from tests.support.picture_files import tiff

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")
LIMIT, LARGE = 140_000, (700, 450)  # Pillow refuses more than twice its limit; strips have fewer pixels
FAX = b"".join(
    struct.pack("<HHII", *tag)
    for tag in (
        (256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 1), (259, 3, 1, 4), (262, 3, 1, 0),
        (273, 4, 1, 8), (278, 3, 1, 64), (279, 4, 1, 64),
    )
)  # fmt: skip
BROKEN_FAX = b"II*\0" + struct.pack("<I", 72) + bytes([0xA5, 1] * 32) + struct.pack("<H", 8) + FAX + bytes(4)


def saved(file_format: str, size: tuple[int, int] = (20, 10)) -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(memory, file_format)
    return memory.getvalue()


def process_state() -> tuple[object, ...]:
    about = os.fstat(2)
    limits = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    return about.st_dev, about.st_ino, limits, list(warnings.filters)


class Watched(io.BytesIO):
    """A stream that notes the state of the process whenever it is read."""

    states: list[tuple[object, ...]]

    def read(self, size: int | None = -1) -> bytes:
        self.states.append(process_state())
        return super().read(size)


@pytest.mark.parametrize("file_format", FORMATS)
def test_nothing_of_the_process_changes_while_a_picture_is_read(file_format: str) -> None:
    from convcli.pictures.formats.decoding import decode
    from convcli.pictures.limits import Limits

    stream = Watched(saved(file_format))
    stream.states = []
    before = process_state()
    decoded = decode(stream, "x", Limits())
    assert decoded is not None
    assert decoded.to_picture("x").pixels.shape == (10, 20, 3)
    assert len(stream.states) >= 2
    assert set(map(repr, stream.states)) == {repr(before)} == {repr(process_state())}


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "BMP", "PPM", "AVIF"])
def test_the_limit_of_the_process_does_not_hold(file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LIMIT)
    assert convcli.read_image(io.BytesIO(saved(file_format, LARGE))).shape == (*LARGE[::-1], 3)


@pytest.mark.skipif(int(PIL.__version__.partition(".")[0]) < 13, reason="this Pillow does not check it")
def test_where_it_holds_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LIMIT)
    with pytest.raises(ImageError, match=r"more pixels than Pillow allows: set PIL\.Image\.MAX_IMAGE_PIXELS"):
        convcli.read_image(io.BytesIO(saved("WEBP", LARGE)))


def test_lines_that_a_thread_logs_meanwhile_all_arrive(capfd: pytest.CaptureFixture[str]) -> None:
    data, expected = saved("TIFF"), np.full((10, 20, 3), (200, 30, 60))
    handler = logging.StreamHandler(os.fdopen(os.dup(2), "w"))
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s."))  # as libtiff writes
    logger = logging.Logger("requests")
    logger.addHandler(handler)
    started, stop, sent = threading.Event(), threading.Event(), 0

    def log() -> None:
        nonlocal sent
        while not stop.is_set():
            logger.info("request %d served", sent)
            os.write(2, b"TIFFReadDirectory: nothing of libtiff.\n")
            sent += 1
            started.set()

    thread = threading.Thread(target=log)
    thread.start()
    started.wait()
    pictures = [convcli.read_image(io.BytesIO(data)) for _ in range(30)]
    stop.set()
    thread.join()
    handler.stream.close()
    assert all(np.array_equal(picture, expected) for picture in pictures)
    lines = capfd.readouterr().err.splitlines()
    assert lines.count("TIFFReadDirectory: nothing of libtiff.") == sent
    assert [line for line in lines if "request" in line] == [
        f"INFO: request {number} served." for number in range(sent)
    ]


def test_a_process_that_is_forked_meanwhile_reads_on(tmp_path: Path) -> None:
    (tmp_path / "g.tif").write_bytes(saved("TIFF"))
    program = """if True:
        import os, threading, warnings
        import convcli
        warnings.simplefilter("ignore")  # a fork beside threads
        def read():
            while True:
                convcli.read_image("g.tif")
        convcli.read_image("g.tif")  # Python's locks on imports are not ours
        for _ in range(2):
            threading.Thread(target=read, daemon=True).start()
        for _ in range(10):
            child = os.fork()
            if not child:
                about = os.fstat(2)
                convcli.read_image("g.tif")
                os._exit(os.path.samestat(about, os.fstat(2)) - 1)
            assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
        """
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=60, check=True)


def test_what_libtiff_complains_about_is_an_error_only_for_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError

    (tmp_path / "g.tif").write_bytes(BROKEN_FAX)
    with monkeypatch.context() as patched:
        patched.setattr(os, "dup2", refuse)
        assert convcli.read_image(tmp_path / "g.tif").shape == (64, 64)
    ran = run_shell("convcli pool g.tif -o x.png", tmp_path)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr.startswith(b"convcli: g.tif: is damaged: Fax")
    assert ran.stderr.count(b"\n") == 1


def test_a_warning_of_libtiff_of_two_lines_is_not_printed(tmp_path: Path) -> None:
    data = tiff(2, [8], zlib.compress(b"\1\2"), compression=8, tags={334: ("H", [16])})
    (tmp_path / "inks.tif").write_bytes(data)
    ran = run_shell("convcli apply inks.tif --filter identity -o x.png", tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"x.png\n", b"")


@pytest.mark.parametrize(
    ("written", "passed", "error"),
    [
        ("INFO: request 1 served.\n", "INFO: request 1 served.\n", ""),
        ("no line feed", "no line feed", ""),
        ("LZWDecode: Warning, odd:\n  of two lines.\nbehind\n", "behind\n", ""),
        ("before\ntempfile.tif: Bad code.\n", "before\n", "is damaged: Bad code"),
        ("Fax3Decode2D: Bad:\n  code.\n", "", "is damaged: Fax3Decode2D: Bad: code"),
        (
            "tempfile.tif: WEBP compression support is not configured.\n",
            "",
            "is compressed by WEBP, which is not read",
        ),
        (
            "JPEGLib: Warning, Premature end of file.\n",
            "",
            "is damaged: JPEGLib: Warning, Premature end of file",
        ),
    ],
)
def test_only_what_libtiff_writes_is_captured(
    written: str, passed: str, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with captured_libtiff_errors(io.BytesIO(b"II*\0")) as first_error:
        os.write(2, written.encode())
        assert first_error() == error
    assert capfd.readouterr().err == passed


def test_the_program_prints_no_warning(tmp_path: Path) -> None:
    data = saved("TIFF")
    samples = data.index(struct.pack("<HHI", 277, 3, 1))
    (tmp_path / "g.tif").write_bytes(
        data[:samples] + struct.pack("<HHI", 65000, 2, 9999) + data[samples + 8 :]
    )
    ran = run_shell("convcli pool g.tif -o x.png", tmp_path)
    assert (ran.returncode, ran.stderr.count(b"\n")) == (1, 1)
    assert ran.stderr.startswith(b"convcli: g.tif: ")
