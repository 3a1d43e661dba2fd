"""Standard input and output that are closed, full, gone or a terminal, and signals at every moment."""

import fcntl
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.damaged_pictures import pixels
from tests.hostile.run_convcli import (
    CONVCLI,
    PATHS,
    Ended,
    Nursery,
    assert_done,
    assert_refused_with,
    terminal,
)
from tests.support.command_line import contents

FORMATS = [
    "png",
    "jpeg",
    "jpg",
    "tiff",
    "tif",
    "webp",
    "bmp",
    "pnm",
    "pgm",
    "avif",
    "gif",
    "jp2",
    "jxl",
    "npy",
    "csv",
    "txt",
]
BINARY = ["png", "jpeg", "tiff", "webp", "bmp", "pnm", "avif", "gif", "jp2", "jxl", "npy"]
LOSSLESS = ["png", "tiff", "webp", "bmp", "pnm", "gif", "jp2", "jxl", "npy", "csv"]
SIGNALS = ["INT", "TERM", "HUP"]
FOREVER = str(10**7)  # steps of a training

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def photo(in_folder: Path) -> bytes:
    """A grey picture of 24x32, ``photo.png``; its bytes."""
    Image.fromarray(pixels()).save(in_folder / "photo.png")
    return (in_folder / "photo.png").read_bytes()


def numbers(data: bytes, kind: str) -> NDArray[Any]:
    """Read a file of a format that loses nothing without convcli."""
    if kind == "npy":
        return np.asarray(np.load(BytesIO(data)))
    if kind in {"csv", "txt"}:
        return np.loadtxt(BytesIO(data), delimiter="," if kind == "csv" else None, ndmin=2)
    if kind == "jxl":
        return imagecodecs.jpegxl_decode(data)
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("L"))  # a WebP is coloured


# From - to - ----------------------------------------------------------------------------------------------

MADE = {
    ("apply", "--filter", "identity"): pixels(),
    ("pool", "--f", "2"): pixels().reshape(12, 2, 16, 2).max(axis=(1, 3)),
}


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("arguments", "made"), MADE.items(), ids=["apply", "pool"])
def test_a_stream_gets_the_bytes_of_a_file(
    hostile: Nursery, photo: bytes, kind: str, arguments: Sequence[str], made: NDArray[np.uint8]
) -> None:
    command, *options = arguments
    to_file = hostile(command, "photo.png", *options, "--format", kind, "-o", f"made.{kind}")
    assert_done(to_file, f"made.{kind}")
    to_stream = hostile(command, "-", *options, "--format", kind, "-o", "-", stdin=photo)
    assert_done(to_stream)
    assert to_stream.out == Path(f"made.{kind}").read_bytes()
    if kind in {"jpeg", "jpg", "avif"}:
        with Image.open(BytesIO(to_stream.out)) as image:
            assert image.size == made.shape[::-1]
        return
    assert np.array_equal(numbers(to_stream.out, kind), made)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_a_stream_holds_is_known_by_its_content(hostile: Nursery, photo: bytes, kind: str) -> None:
    assert photo
    assert_done(hostile("apply", "photo.png", "--filter", "identity", "-o", f"x.{kind}"), f"x.{kind}")
    given = Path(f"x.{kind}").read_bytes()
    ran = hostile("apply", "-", "--filter", "identity", "-o", "-", "--format", "npy", stdin=given)
    assert_done(ran)
    made = numbers(ran.out, "npy")
    assert np.array_equal(made if made.ndim == 2 else made[..., 1], pixels())


def test_a_file_is_read_from_where_standard_input_stands(hostile: Nursery, photo: bytes) -> None:
    Path("behind").write_bytes(b"a header\n" + photo)
    with Path("behind").open("rb") as stream:
        os.lseek(stream.fileno(), 9, os.SEEK_SET)
        assert_done(hostile("apply", "-", "--filter", "identity", "-o", "x.png", stdin=stream), "x.png")
    assert np.array_equal(numbers(Path("x.png").read_bytes(), "png"), pixels())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (b"", "is empty"),
        (b"no picture", "is not an image"),
        (b"\x89PNG\r\n\x1a\n", "starts like a PNG file, but is damaged"),
    ],
)
@pytest.mark.parametrize("command", [("apply", "-", "--filter", "box", "-o", "-"), ("pool", "-", "-o", "-")])
def test_a_stream_that_is_no_picture_gives_nothing(
    hostile: Nursery, command: Sequence[str], given: bytes, why: str
) -> None:
    assert_refused_with(hostile(*command, stdin=given), 1, "standard input: ", why)


# Terminals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "-", "--filter", "box"),
        ("apply", "photo.png", "-", "--filter", "box"),
        ("pool", "-"),
        ("learn", "photo.png", "-"),
        ("explain", "-", "--filter", "box"),
        ("apply", "--files0-from", "-", "--filter", "box"),
        ("params", "-"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("photo")
def test_nobody_is_waited_for_at_a_terminal(hostile: Nursery, arguments: Sequence[str]) -> None:
    with terminal() as (child, shown):
        ran = hostile(*arguments, stdin=child)
    assert_refused_with(ran, 2, "", "is a terminal")
    assert "standard input" in ran.message
    assert shown == b""


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("command", [("apply", "--filter", "box"), ("pool",)], ids=["apply", "pool"])
@pytest.mark.usefixtures("photo")
def test_no_bytes_of_a_picture_to_a_terminal(hostile: Nursery, command: Sequence[str], kind: str) -> None:
    with terminal() as (child, shown):
        ran = hostile(*command, "photo.png", "-o", "-", "--format", kind, stdout=child)
    why = f"-o -: {kind} cannot be shown in a terminal; redirect it, or add --format csv"
    assert_refused_with(ran, 2, why)
    assert shown == b""


@pytest.mark.usefixtures("photo")
def test_no_bytes_of_a_picture_to_a_terminal_by_another_name(hostile: Nursery) -> None:
    with terminal() as (child, shown):
        ran = hostile(
            "apply", "photo.png", "--filter", "box", "-o", "/dev/stdout", "--format", "png", stdout=child
        )
    assert_refused_with(ran, 2, "", "cannot be shown in a terminal")
    assert shown == b""


@pytest.mark.usefixtures("photo")
def test_standard_output_by_another_name_holds_the_picture_alone(hostile: Nursery) -> None:
    command = ("apply", "photo.png", "--filter", "identity", "--format", "png", "-o")
    reader, writer = os.pipe()
    ran = hostile(*command, "/dev/stdout", stdout=writer)
    os.close(writer)
    assert (ran.code, ran.err) == (0, b"")
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == hostile(*command, "-").out


@pytest.mark.usefixtures("photo")
def test_a_text_may_go_to_a_terminal(hostile: Nursery) -> None:
    with terminal() as (child, shown):
        ran = hostile("pool", "photo.png", "--f", "12", "-o", "-", "--format", "csv", stdout=child)
    assert_done(ran)
    rows = [[int(cell) for cell in line.split(b",")] for line in bytes(shown).split()]
    assert rows == pixels()[:, :24].reshape(2, 12, 2, 12).max(axis=(1, 3)).tolist()


# Readers that go away, devices that are full, streams that are closed -------------------------------------


def to_gone_reader(hostile: Nursery, read: int, *arguments: str, **options: Any) -> Ended:
    """Run into a pipe whose reader goes away after so many bytes."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)

    def take() -> None:
        assert len(os.read(reader, read)) == read
        os.close(reader)

    reading = Thread(target=take)
    if read:
        reading.start()
    else:
        os.close(reader)
    ended = hostile(*arguments, stdout=writer, **options)
    os.close(writer)
    if read:
        reading.join(60)
    return ended


LONG = [
    ("apply", "large.png", "--filter", "box", "-o", "-"),
    ("pool", "large.png", "-o", "-", "--format", "npy"),
    ("apply", "large.png", "--filter", "sobel", "-o", "-", "--format", "csv"),
    ("apply", "large.png", "--filter", "box", "-o", "/dev/stdout", "--format", "png"),
    ("apply", "m.csv", "--filter", "identity"),
    ("filters", "box:size=200"),
    ("filters", "--json"),
]


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("arguments", LONG, ids=" ".join)
def test_a_reader_that_goes_away_ends_it_quietly(
    hostile: Nursery, arguments: Sequence[str], read: int
) -> None:
    Image.fromarray(pixels(200, 200)).save("large.png")
    Path("m.csv").write_text("1234,5678\n" * 2000)
    ran = to_gone_reader(hostile, read, *arguments)
    assert (ran.code, ran.err) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("answer", [(), ("--json",)], ids=["paths", "json"])
def test_a_reader_of_a_batch_that_goes_away_ends_it_quietly(
    hostile: Nursery, photo: bytes, answer: Sequence[str], jobs: int, read: int
) -> None:
    names = [f"{'long' * 40}{number}.png" for number in range(40)]
    for name in names:
        Path(name).write_bytes(photo)
    options = ("--filter", "box", "--out-dir", "out", "-j", str(jobs), *answer)
    ran = to_gone_reader(hostile, read, "apply", *names, *options, changes=True)
    assert (ran.code, ran.err) == (-signal.SIGPIPE, b"")
    assert 1 <= len(ran.changed) - 1 <= 40  # and the folder
    for made in Path("out").iterdir():
        assert numbers(made.read_bytes(), "png").shape == (24, 32)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.usefixtures("photo")
def test_a_failure_before_the_reader_went_keeps_its_code(hostile: Nursery, jobs: int) -> None:
    options = ("--filter", "box", "-j", str(jobs))
    ran = to_gone_reader(hostile, 0, "apply", "none.png", "photo.png", *options, changes=True)
    assert (ran.code, ran.message) == (1, "none.png: no such file or directory")


def test_wrong_usage_and_a_reader_that_went_keep_their_code(hostile: Nursery) -> None:
    ran = to_gone_reader(hostile, 0, "shape", "--n", "3", "--f", "5")
    assert ran.code == 2
    assert ran.message.startswith("filter 5 on input 3: ")


WRITING = [
    ("apply", "photo.png", "--filter", "box"),
    ("apply", "photo.png", "--filter", "box", "-o", "-"),
    ("apply", "photo.png", "--filter", "box", "--json"),
    ("apply", "m.csv", "--filter", "box"),
    ("pool", "photo.png", "-o", "-", "--format", "npy"),
    ("pool", "--n", "28x28x6"),
    ("explain", "photo.png", "--filter", "box"),
    ("learn", "photo.png", "photo.png", "--closed-form"),
    ("shape", "--n", "32", "--f", "5"),
    ("params", "resnet18", "--csv"),
    ("params", "resnet18", "--text"),
    ("filters",),
    ("filters", "--text"),
    ("apply", "--help"),
    (),
]


@needs_full
@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
@pytest.mark.usefixtures("photo")
def test_a_full_device_is_said(hostile: Nursery, arguments: Sequence[str]) -> None:
    Path("m.csv").write_text("1 2\n")
    with Path("/dev/full").open("wb") as full:
        ran = hostile(*arguments, stdout=full, changes=True)
    assert_refused_with(ran, 1, "standard output: no space left on device")
    assert ran.changed <= {"photo-box.png"}


@needs_full
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_device_ends_a_batch(hostile: Nursery, photo: bytes, jobs: int) -> None:
    for number in range(9):
        Path(f"{number}.png").write_bytes(photo)
    names = [f"{number}.png" for number in range(9)]
    with Path("/dev/full").open("wb") as full:
        ran = hostile("pool", *names, "-j", jobs, "--out-dir", "out", stdout=full, changes=True)
    assert_refused_with(ran, 1, "standard output: no space left on device")


@needs_full
def test_a_full_standard_error_does_not_change_the_code(hostile: Nursery, photo: bytes) -> None:
    with Path("/dev/full").open("wb") as full:
        assert hostile("apply", "none.png", "--filter", "box", stderr=full).code == 1
        assert hostile("apply", "photo.png", "--filter", "boxx", stderr=full).code == 2
        ran = hostile("apply", "-", "--filter", "box", "-o", "x.png", stdin=photo, stderr=full)
    assert_done(ran, "x.png")


def test_a_full_disk_is_said_of_the_output(hostile: Nursery, photo: bytes) -> None:
    limits: dict[Any, int] = {"RLIMIT_FSIZE": 100}
    ran = hostile("apply", "-", "--filter", "box", "-o", "x.png", stdin=photo, limits=limits)
    assert_refused_with(ran, 1, "x.png: file too large")


CLOSED = "is closed"
CLOSING = [
    ("apply - --filter box <&-", 1, f"standard input: {CLOSED}"),
    ("pool - -o - <&-", 1, f"standard input: {CLOSED}"),
    ("learn - photo.png <&-", 1, f"standard input: {CLOSED}"),
    ("pool --files0-from - <&-", 1, "standard input: is closed"),
    ("apply photo.png --filter box -o - >&-", 1, f"standard output: {CLOSED}"),
    ("apply photo.png --filter box -o x.png >&-", 1, f"standard output: {CLOSED}"),
    ("apply none.png --filter box 2>&-", 1, None),
    ("apply photo.png --filter box -o x.png <&- 2>&-", 0, None),
    ("apply photo.png --filter boxx <&- >&- 2>&-", 1, None),
]  # fmt: skip


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize(("line", "code", "why"), CLOSING, ids=[line for line, *_ in CLOSING])
@pytest.mark.usefixtures("photo")
def test_closed_streams(line: str, code: int, why: str | None) -> None:
    before = contents(Path())
    ran = subprocess.run(
        ["bash", "-c", f'"$@" {line}', "bash", *CONVCLI], capture_output=True, timeout=60, check=False
    )
    said = b"" if why is None else f"convcli: {why}\n".encode()
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, b"" if code else b"x.png\n", said)
    after = contents(Path())
    if not code:
        assert np.array_equal(numbers(Path("x.png").read_bytes(), "png").shape, (24, 32))
        del after["x.png"]
    assert after == before


# Standard input that is not for convcli -------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "photo.png", "--filter", "box"),
        ("apply", "photo.png", "other.png", "--filter", "box", "-j", "2"),
        ("apply", "photo.png", "other.png", "--filter", "box", "-j", "1"),
        ("apply", "--files0-from", "list", "--filter", "box"),
        ("apply", "--recursive", ".", "--filter", "box", "--out-dir", "out"),
        ("pool", "photo.png"),
        ("pool", "--n", "28"),
        ("learn", "photo.png", "other.png", "--closed-form"),
        ("explain", "photo.png", "--filter", "box"),
        ("shape", "--n", "32", "--f", "5"),
        ("params", "resnet18"),
        ("filters", "sobel"),
        ("--help",),
        ("--version",),
    ],
    ids=" ".join,
)
def test_standard_input_is_not_touched_unless_asked_for(
    hostile: Nursery, photo: bytes, arguments: Sequence[str]
) -> None:
    Path("other.png").write_bytes(photo)
    Path("list").write_bytes(b"photo.png\0other.png\0")
    with Path("list").open("rb") as stream:
        ran = hostile(*arguments, stdin=stream)
        assert os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 0
    assert (ran.code, ran.err) == (0, b"")
    assert ran.out


def test_a_loop_that_reads_sees_every_line(photo: bytes) -> None:
    Path("other.png").write_bytes(photo)
    convcli = shlex.join(CONVCLI)
    script = (
        "printf '%s\\n' box sobel | while read name; do\n"
        f"  {convcli} apply photo.png other.png --filter $name -j 2 && {convcli} pool photo.png --force\n"
        f"  {convcli} explain photo.png --filter $name > said; {convcli} learn photo.png other.png --closed-form > taps\n"
        "done"
    )
    ran = subprocess.run(["bash", "-c", script], capture_output=True, timeout=90, check=False)
    lines = [
        line
        for name in ("box", "sobel")
        for line in (f"photo-{name}.png", f"other-{name}.png", "photo-maxpool-2x2.png")
    ]
    assert (ran.returncode, ran.stdout.decode().split(), ran.stderr) == (0, lines, b"")


# Signals --------------------------------------------------------------------------------------------------

# Sends the signal to the process itself when it calls a function of that name for the nth time.
AT_A_CALL = """
import os, signal, sys
number, name, times, child = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "child"
sys.argv[1:] = sys.argv[5:]
process = os.getpid()
def watch(frame, event, argument):
    global times
    if event == "call" and frame.f_code.co_qualname == name and child == (os.getpid() != process):
        times -= 1
        if times == 0:
            os.kill(os.getpid(), number)
import convcli.__main__
sys.setprofile(watch)
convcli.__main__.main()
"""


def at_a_call(
    number: int, name: str, times: int, *arguments: str, child: bool = False
) -> tuple[int, bytes, bytes]:
    """Run convcli, which a signal meets at a call; returns how it ended."""
    where = "child" if child else "parent"
    command = [sys.executable, "-c", AT_A_CALL, str(number), name, str(times), where, *arguments]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ | PATHS)
    return ran.returncode, ran.stdout, ran.stderr


def injected(calls: str, name: str, when: int = 1, path: Path | None = None) -> list[str]:
    """Return strace's options that send a signal at the nth of some system calls, of a path alone if given."""
    only = [] if path is None else ["-P", str(path)]
    every = ",".join(f"?{call}" for call in calls.split(","))
    options = ["-o", os.devnull, "-e", f"trace={every}"]
    return [*options, "-e", f"inject={every}:signal={name}:when={when}", *only]


def code_of(name: str) -> int:
    return -signal.Signals[f"SIG{name}"]


@pytest.mark.thorough(every=5)
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    "module", ["convcli.sizes.axes", "convcli.cli.error_handling", "convcli.pictures.reading"]
)
@pytest.mark.usefixtures("photo")
def test_a_signal_while_it_starts(name: str, module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.cached is not None
    strace = ["strace", "-qq", *injected("openat", name, path=Path(found.cached))]
    arguments = ["apply", "photo.png", "--filter", "box"]
    ran = subprocess.run(
        [*strace, *CONVCLI, *arguments], capture_output=True, timeout=60, check=False, env=os.environ | PATHS
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code_of(name), b"", b"")
    assert set(contents(Path())) == {"photo.png"}


@pytest.mark.parametrize("name", ["INT", "TERM"])
@pytest.mark.parametrize(
    "call",
    [("_get_module_lock.<locals>.cb", 1), ("_get_module_lock.<locals>.cb", 60), ("_Pixels.__set_name__", 1)],
    ids=str,
)
@pytest.mark.usefixtures("photo")
def test_a_signal_is_not_lost_where_python_ignores_exceptions(name: str, call: tuple[str, int]) -> None:
    """Importing calls back what may raise nothing, and wraps what raises: neither is the signal's end."""
    number = -code_of(name)
    ran = at_a_call(number, *call, "apply", "photo.png", "--filter", "box")
    assert ran == (-number, b"", b"")
    assert set(contents(Path())) == {"photo.png"}


PHASES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "opening": (("large.png",), ["openat", "1", "large.png"]),
    "decoding": (("large.png",), ["read", "4", "large.png"]),
    "convolving": (("large.npy", "--jobs", "4"), ["clone,clone3", "2"]),
    "writing": (("large.png",), ["fsync", "1"]),
    "renaming": (("large.png",), ["link,linkat", "1"]),
    "replacing": (("large.png", "--force"), ["rename,renameat,renameat2", "1"]),
    "clearing up": (("large.png",), ["unlink,unlinkat", "1"]),
}


@pytest.mark.thorough(every=5)
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_in_each_phase(hostile: Nursery, phase: str, name: str) -> None:
    arguments, (calls, when, *of) = PHASES[phase]
    Image.fromarray(pixels(700, 700)).save("large.png")
    if phase == "convolving":
        np.save("large.npy", np.zeros((2500, 2500), np.uint8))
    tracer = injected(calls, name, int(when), Path.cwd() / of[0] if of else None)
    options = ("--filter", "sharpen", "-o", "x.png")
    file, *more = arguments
    ran = hostile("apply", Path.cwd() / file, *more, *options, tracer=tracer, changes=True)
    assert (ran.code, ran.out, ran.err) == (code_of(name), b"", b"")
    whole = phase in {"renaming", "replacing", "clearing up"}
    assert ran.changed == ({"x.png"} if whole else set())
    if whole:
        assert numbers(Path("x.png").read_bytes(), "png").shape == (700, 700)


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_it_encodes(name: str) -> None:
    Image.fromarray(pixels(700, 700)).save("large.png")
    ran = at_a_call(-code_of(name), "encode_png", 1, "apply", "large.png", "--filter", "box")
    assert ran == (code_of(name), b"", b"")
    assert set(contents(Path())) == {"large.png"}


@pytest.mark.thorough(every=4)
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    "arguments",
    [("apply", "-", "--filter", "box"), ("pool", "-"), ("learn", "-", "photo.png"), ("explain", "-", "--filter", "box"),
     ("apply", "--files0-from", "-", "--filter", "box")],
    ids=lambda arguments: arguments[0] if len(arguments) < 5 else "list",
)  # fmt: skip
def test_a_signal_while_it_waits_for_standard_input(
    hostile: Nursery, photo: bytes, arguments: Sequence[str], name: str
) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"photo.png" if "--files0-from" in arguments else photo[:100])
    calls, when = ("read", 3) if "--files0-from" in arguments else ("select,pselect6", 2)
    if calls == "read":  # which has begun to wait when the signal comes
        ran = signalled_later(-code_of(name), [*CONVCLI, *arguments], reader, reads(reader))
    else:
        ran = hostile(*arguments, stdin=reader, tracer=injected(calls, name, when))
    os.close(writer)
    os.close(reader)
    assert (ran.code, ran.out, ran.err) == (code_of(name), b"", b"")


def reads(pipe: int) -> Callable[[int], bool]:
    """Return what tells whether somebody has emptied a pipe."""
    return lambda _: fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4) == b"\0" * 4


def signalled_later(number: int, command: Sequence[str], stdin: int, ready: Callable[[int], bool]) -> Ended:
    """Send a signal to a process once it is ready, as its process number tells."""
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not ready(process.pid):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err, 0, 0, frozenset())


def has_worked(process: int) -> bool:
    """Whether a process has used a processor for longer than it takes to start."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK") > 1.5


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_it_learns(name: str) -> None:
    for number, each in enumerate(("a.png", "b.png")):
        Image.fromarray(pixels(600 + number, 601)[:600]).save(each)  # no filter makes one of the other
    arguments = (
        "learn",
        "a.png",
        "b.png",
        "--f",
        "9",
        "--steps",
        FOREVER,
        "-o",
        "k.json",
        "--curve",
        "c.png",
    )
    ran = signalled_later(-code_of(name), [*CONVCLI, *arguments], 0, has_worked)
    assert (ran.code, ran.out, ran.err) == (code_of(name), b"", b"")
    assert set(contents(Path())) == {"a.png", "b.png"}


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(("jobs", "calls"), [(1, "fsync"), (2, "poll,ppoll")])
def test_a_signal_in_a_batch(hostile: Nursery, photo: bytes, jobs: int, calls: str, name: str) -> None:
    names = [f"{number}.png" for number in range(20)]
    for each in names:
        Path(each).write_bytes(photo)
    options = ("--filter", "box", "--out-dir", "out", "-j", jobs)
    ran = hostile("apply", *names, *options, tracer=injected(calls, name, 4), changes=True)
    assert (ran.code, ran.err) == (code_of(name), b"")
    told = [line.removesuffix("-box.png") for line in ran.printed]
    assert told == [f"out/{number}" for number in range(len(told))]
    assert len(told) <= len(ran.changed) - 1 < 20
    for made in Path("out").iterdir():
        assert numbers(made.read_bytes(), "png").shape == (24, 32)


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_after_a_failure_ends_it_by_the_signal(hostile: Nursery, photo: bytes, name: str) -> None:
    """A shell's loop goes on after a code, so that nobody could end it."""
    assert photo
    names = ("none.png", "photo.png")
    ran = hostile("apply", *names, "--filter", "box", "-j", "1", tracer=injected("fsync", name))
    assert (ran.code, ran.message) == (code_of(name), "none.png: no such file or directory")


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("name", ["INT", "TERM"])
@pytest.mark.parametrize(
    "call",
    [("Random.seed", 1), ("_after_fork", 1), ("_ConnectionBase.close", 1), ("_run_worker", 1)],
    ids=str,
)
def test_a_signal_to_a_process_of_a_batch_that_has_just_started(
    photo: bytes, call: tuple[str, int], name: str
) -> None:
    """It must not do what its parent would: end its brothers, or say what it caught."""
    Path("other.png").write_bytes(photo)
    arguments = ("apply", "photo.png", "other.png", "--filter", "box", "-j", "2")
    code, out, err = at_a_call(-code_of(name), *call, *arguments, child=True)
    lost = [
        f"convcli: {each}: its process was ended by signal {-code_of(name)}"
        for each in ("photo.png", "other.png")
    ]
    assert err.decode().splitlines() == [*lost, "convcli: 2 inputs: 0 done, 2 failed"]
    assert (code, out) == (1, b"")


@pytest.mark.parametrize("jobs", [1, 2])
def test_children_that_are_ignored_are_no_failure(photo: bytes, jobs: int) -> None:
    Path("other.png").write_bytes(photo)
    command = [*CONVCLI, "apply", "photo.png", "other.png", "--filter", "identity", "-j", str(jobs)]
    ran = subprocess.run(
        command,
        capture_output=True,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"photo-identity.png\nother-identity.png\n", b"")


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("ignored", [True, False])
def test_a_batch_ignores_a_signal_that_is_ignored(photo: bytes, ignored: bool, name: str) -> None:
    Path("other.png").write_bytes(photo)
    line = f"trap '' {name}; exec \"$@\"" if ignored else 'exec "$@"'
    program = AT_A_CALL, str(-code_of(name)), "_ProcessPool.results", "1", "parent"
    command = [sys.executable, "-c", *program, "pool", "photo.png", "other.png", "-j", "2"]
    ran = subprocess.run(
        ["bash", "-c", line, "bash", *command],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | PATHS,
    )
    assert (ran.returncode, ran.stderr) == (0 if ignored else code_of(name), b"")
    assert ran.stdout == (b"photo-maxpool-2x2.png\nother-maxpool-2x2.png\n" if ignored else b"")
