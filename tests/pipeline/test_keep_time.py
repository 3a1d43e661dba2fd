"""--keep-time: outputs get the times of their inputs."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import filter_file, pool_file
from tests.support.command_line import Runner, assert_refused

TIMES = (981_173_106_123_456_789, 1_012_709_107_987_654_321)  # nanoseconds; of 2001 and 2002


@pytest.fixture
def photo(in_folder: Path) -> Path:
    path = in_folder / "photo.png"
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(path)
    os.utime(path, ns=TIMES)
    return path


def times(path: str | Path) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_atime_ns, status.st_mtime_ns


@pytest.mark.usefixtures("photo")
def test_every_output_has_the_times_of_its_input(convcli: Runner) -> None:
    Path("other.csv").write_text("1,2\n3,4\n")
    os.utime("other.csv", ns=(TIMES[0], TIMES[1] + 5))
    ran = convcli("apply", "photo.png", "other.csv", "--filter", "box", "--out-dir", "o", "--keep-time")
    assert (ran.code, ran.err) == (0, "")
    assert (times("o/photo-box.png"), times("o/other-box.csv")) == (TIMES, (TIMES[0], TIMES[1] + 5))
    os.utime("photo.png", ns=TIMES)  # reading it has changed when it was last read
    figures = ("--sheet", "s.png", "--direction", "d.png")
    assert convcli("apply", "photo.png", "--filter", "sobel", *figures, "--keep-time").code == 0
    assert times("s.png") == times("d.png") == TIMES
    assert convcli("pool", "photo.png", "--keep-time", "-o", "p.png").code == 0
    assert times("p.png")[1] == TIMES[1]
    assert convcli("pool", "photo.png", "-o", "p.png", "--force").code == 0
    assert times("p.png")[1] > TIMES[1] + 10**9
    filter_file("photo.png", "box", output="f.png", keep_time=True)
    pool_file("photo.png", output="q.png", keep_time=True)
    assert times("f.png")[1] == times("q.png")[1] == TIMES[1]
    filter_file("photo.png", "box", output="f.png", force=True)
    assert times("f.png")[1] > TIMES[1] + 10**9


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("apply", "photo.png", "--filter", "box", "-o", "-"), "sets the time of output files, but -o - is"),
        (
            ("apply", "-", "--filter", "box", "-o", "o.png"),
            "keeps the time of input files, but - is standard",
        ),
        (("apply", "photo.png", "--sheet", "-"), "sets the time of output files, but --sheet - is"),
        (("pool", "-"), "keeps the time of input files, but - is standard input"),
        (("pool", "--n", "8"), "prints a size, so --keep-time has no effect"),
    ],
)
def test_streams_have_no_time(convcli: Runner, arguments: tuple[str, ...], why: str) -> None:
    what = "--n" if "--n" in arguments else "--keep-time"
    assert_refused(convcli(*arguments, "--keep-time"), f"{what}: {why}")


@pytest.mark.usefixtures("photo")
def test_a_time_that_is_not_kept_is_noted(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("m.csv").write_text("1,2\n3,4\n")
    ran = convcli("apply", "m.csv", "--kernel", "1", "--keep-time")
    note = "its result is printed, so no file gets its time"
    assert ran.all == (0, "1 2\n3 4\n", f"convcli: note: m.csv: {note}\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, refuse})
    monkeypatch.setattr(os, "utime", refuse)
    ran = convcli("apply", "photo.png", "--filter", "box", "--keep-time", "--json")
    assert (ran.code, json.loads(ran.out)["output"]) == (0, "photo-box.png")
    assert ran.err.startswith("convcli: note: photo.png: photo-box.png does not get its time: ")
    assert Path("photo-box.png").exists()
