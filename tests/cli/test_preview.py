"""``--preview``: what terminals are sent, compared with pictures made small one part after another."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.cells import cell_len

from convcli.cli.terminal.capabilities import GraphicsProtocol, Screen, detect_screen, query_terminal
from tests.support import oracles as reference
from tests.support.command_line import SAMPLES, Ran, Runner, assert_refused, contents
from tests.support.terminal_emulation import (
    HIDDEN,
    answering,
    block_pixels,
    in_terminal,
    iterm2_pixels,
    kitty_pixels,
    sixel_pixels,
)

pytestmark = pytest.mark.usefixtures("in_folder")

CAT = SAMPLES / "chelsea.png"
NOTE = "convcli: note: --preview shows nothing: "
SIXEL = b"\x1b[?62;4;22c"
PLAIN = b"\x1b[?1;2c"
CELL = b"\x1b[6;20;10t"
KITTY = b"\x1b_Gi=31;OK\x1b\\"
QUERIES = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c"
LEVELS = 0, 95, 135, 175, 215, 255
XTERM = [*product(LEVELS, LEVELS, LEVELS), *([8 + 10 * step] * 3 for step in range(24))]
BOX = ("apply", CAT, "--filter", "box", "-o", "out.png")


@pytest.fixture
def shown(terminal: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a command line in this process, in 24 rows of 80 columns, and show what it makes by 24 bits."""
    monkeypatch.setenv("LINES", "24")

    def call(*arguments: object) -> Ran:
        return terminal(*arguments, "--preview-as", "truecolor", columns=80)

    return call


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """Find out in this process what a terminal can show that gives certain answers."""

    def call(
        answers: dict[bytes, bytes],
        environment: dict[str, str],
        seen: bytearray,
        *,
        pixels: tuple[int, int] = (0, 0),
        encoding: str = "utf-8",
    ) -> Screen:
        for name in HIDDEN:
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            monkeypatch.setenv(name, value)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, pixels[1], pixels[0]))
        stream = os.fdopen(slave, "w", encoding=encoding)
        with answering(master, answers, seen), stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            found = detect_screen()
        os.close(master)
        return found

    return call


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def expected(path: Path | str, size: tuple[int, int]) -> NDArray[np.float64]:
    return reference.means_of_parts(pixels_of(path), size).round()


def parts(canvas: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the pictures that a canvas has side by side, without what is transparent."""
    columns = canvas[..., 3].any(axis=0)
    edges = np.flatnonzero(np.diff(columns.astype(int), prepend=0, append=0))
    found = [canvas[:, start:stop] for start, stop in edges.reshape(-1, 2)]
    return [one[one[..., 3].any(axis=1)][..., :3] for one in found]


def number_cells(line: str) -> list[tuple[int, str]]:
    """Return the gray level and the number of each cell of a line of a matrix."""
    cells = re.findall(r"\x1b\[38;2;[\d;]+;48;2;(\d+);(\d+);(\d+)m([^\x1b]*)", line)
    assert all(red == green == blue for red, green, blue, _ in cells)
    return [(int(red), text.strip()) for red, _, _, text in cells]


# What each terminal is sent


def test_half_blocks_are_the_means_of_input_and_result(shown: Runner) -> None:
    ran = shown(*BOX)
    label, *lines, answer = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert label == "chelsea.png 300x451".ljust(40) + "box 300x451"
    assert answer.startswith("out.png  (300x451x3, float32 from ")
    first, second = parts(block_pixels(lines))
    np.testing.assert_array_equal(first, expected(CAT, (25, 38)))
    np.testing.assert_array_equal(second, expected("out.png", (25, 38)))


@pytest.mark.thorough
def test_256_colors_are_the_nearest_that_terminals_have() -> None:
    ran = in_terminal(*BOX, "--preview-as", "256")
    first, _ = parts(block_pixels(ran.out.splitlines()[1:-1]))
    wanted = expected(CAT, (25, 38)).reshape(-1, 3).tolist()
    found = first.reshape(-1, 3).tolist()
    least = [min(reference.color_difference(one, other) for other in XTERM) for one in wanted]
    differences = [reference.color_difference(one, other) for one, other in zip(wanted, found, strict=True)]
    np.testing.assert_allclose(differences, least, atol=1e-7)


def test_256_colors_keep_gray_gray() -> None:
    Path("ramp.csv").write_text(" ".join(map(str, range(-16, 17))) + "\n")
    ran = in_terminal("apply", "ramp.csv", "--filter", "identity", "-o", "ramp.npy", "--preview-as", "256")
    first, _ = parts(block_pixels(ran.out.splitlines()[1:-2]))
    red, green, blue = first[0].astype(int).T
    assert first.shape == (1, 33, 3)
    assert (red == green).all()
    assert (green == blue).all()
    assert (np.diff(red) >= 0).all()
    # Levels 1, 128 and 255, as the palette has them.
    assert red[[0, 16, 32]].tolist() == [0, 128, 255]
    assert ran.out.splitlines()[-2] == "mid-gray is 0, white and black are ±16"


def test_letters_get_denser_as_it_gets_brighter() -> None:
    pixels = np.tile(np.linspace(0, 255, 10, dtype=np.uint8), (2, 1))
    Image.fromarray(pixels).save("ramp.png")
    ran = in_terminal("apply", "ramp.png", "--filter", "identity", "--preview", environment={"NO_COLOR": "1"})
    _, *lines, _ = ran.out.splitlines()
    assert lines
    assert {line[:30] for line in lines} == {"".join(3 * letter for letter in " .:-=+*#%@")}
    assert "\x1b" not in ran.out


def test_kitty_is_sent_what_fits_its_window() -> None:
    ran = in_terminal(*BOX, "--preview", pixels=(240, 400), answers={b"kitty": KITTY, b"c": PLAIN})
    assert ran.out.startswith(QUERIES)
    label, *_, picture = ran.out.removeprefix(QUERIES).splitlines()
    canvas, keys = kitty_pixels(picture)
    # 38 columns of 5 pixels, and 126 rows of pixels of 10 to the cell.
    first, second = parts(canvas)
    np.testing.assert_array_equal(first, expected(CAT, (126, 190)))
    np.testing.assert_array_equal(second, expected("out.png", (126, 190)))
    assert (keys["c"], keys["r"]) == ("78", "13")
    assert canvas.shape == (130, 390, 4)
    # Room is made, the picture shown there, and the answer stands below it.
    assert ran.out.startswith(f"{QUERIES}{label}" + "\n" * 14 + "\x1b[13A\x1b7\x1b_G")
    assert "\x1b\\\x1b8\x1b[13Bout.png  (" in picture


@pytest.mark.parametrize("name", ["TERM_PROGRAM", "LC_TERMINAL"])
def test_iterm2_is_known_by_its_name_and_asked_for_its_cells(name: str) -> None:
    answers = {b"c": SIXEL, b"16t": b"\x1b[6;8;4t"}
    ran = in_terminal(*BOX, "--preview", answers=answers, environment={name: "iTerm2"})
    canvas, keys = iterm2_pixels(ran.out)
    np.testing.assert_array_equal(parts(canvas)[0], expected(CAT, (101, 152)))
    assert (keys["width"], keys["height"]) == ("78", "13")


def test_sixels_for_who_says_so() -> None:
    ran = in_terminal(*BOX, "--preview", answers={b"c": SIXEL, b"16t": b"\x1b[6;8;4t"})
    first, second = parts(sixel_pixels(ran.out))
    assert first.shape == second.shape == (101, 152, 3)
    assert np.abs(first - expected(CAT, (101, 152))).mean() < 5


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "tmux-256color", "TMUX": "/tmp/t,1,0"},
        {"TERM": "xterm-256color", "STY": "1.a"},
        {"TERM": "screen-256color"},
        {"TERM_PROGRAM": "Apple_Terminal"},
    ],
)
def test_who_does_not_answer_for_what_is_seen_is_not_asked(
    environment: dict[str, str], emulated: Callable[..., Screen]
) -> None:
    outer = {"KITTY_WINDOW_ID": "1", "LC_TERMINAL": "iTerm2", **environment}
    seen = bytearray()
    found = emulated({b"kitty": KITTY, b"c": SIXEL}, outer, seen)
    assert (found.protocol, found.cell, bytes(seen)) == (GraphicsProtocol.COLORS_256, (2, 1), b"")


# Terminals that lie, or say nothing


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {b"c": PLAIN},
        {b"c": b"garbage", b"kitty": b"\x07\xff\x00"},
        {b"kitty": KITTY},
        {b"c": b"\x1b[?62;4;4;4;4;4;4;4"},
        {b"kitty": b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", b"c": PLAIN},
        {b"c": b"\x1b[?4c"},
    ],
)
def test_who_lies_or_is_silent_gets_blocks(
    monkeypatch: pytest.MonkeyPatch, answers: dict[bytes, bytes], emulated: Callable[..., Screen]
) -> None:
    monkeypatch.setattr("convcli.cli.terminal.capabilities.QUERY_TIMEOUT", 0.1)
    names = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "3", "COLORTERM": "truecolor", "LC_TERMINAL": "iTerm2"}
    seen = bytearray()
    assert emulated(answers, names, seen).protocol == GraphicsProtocol.TRUECOLOR
    assert seen.startswith(QUERIES.encode())


def test_the_picture_of_a_silent_terminal_is_shown_after_a_while() -> None:
    ran = in_terminal(*BOX, "--preview", environment={"COLORTERM": "truecolor"})
    assert (ran.code, ran.err) == (0, "")
    label, *lines, _ = ran.out.removeprefix(QUERIES).splitlines()
    assert label.startswith("chelsea.png 300x451")
    np.testing.assert_array_equal(parts(block_pixels(lines))[0], expected(CAT, (25, 38)))


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [
        ({"NO_COLOR": "1"}, "utf-8"),
        ({"TERM": "dumb"}, "utf-8"),
        ({"TERM": "vt100"}, "utf-8"),
        ({}, "latin-1"),
    ],
)
def test_who_has_no_colors_gets_letters_and_is_asked_nothing(
    environment: dict[str, str], encoding: str, emulated: Callable[..., Screen]
) -> None:
    seen = bytearray()
    found = emulated({b"kitty": KITTY, b"c": SIXEL}, environment, seen, encoding=encoding)
    assert (found.protocol, found.cell, bytes(seen)) == (GraphicsProtocol.ASCII, (2, 1), b"")


@pytest.mark.parametrize("size", [(24, 80), (3, 10), (1, 1), (2, 5), (0, 0), (400, 1000), (5, 200)])
@pytest.mark.parametrize("protocol", ["truecolor", "ascii", "sixel", "kitty"])
def test_any_window_gets_a_picture_that_fits(
    terminal: Runner, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], protocol: str
) -> None:
    monkeypatch.setenv("LINES", str(size[0]))
    monkeypatch.setenv("TERM", "xterm-256color")
    Path("a.csv").write_text("1 2 3\n4 5 6\n")
    ran = terminal(
        "apply", "a.csv", "--kernel", "1", "-o", "a.npy", "--preview-as", protocol, columns=size[1]
    )
    assert (ran.code, ran.err) == (0, "")
    rows, columns = (side or usual for side, usual in zip(size, (24, 80), strict=True))
    if protocol in ("truecolor", "ascii"):
        plain = re.sub(r"\x1b\[[\d;]*m", "", ran.out).splitlines()
        answer = next(number for number, line in enumerate(plain) if line.startswith("a.npy"))
        assert max(map(cell_len, plain[:answer])) <= columns
        assert answer <= max(2, rows)
    elif protocol == "kitty":
        canvas, keys = kitty_pixels(ran.out)
        assert int(keys["c"]) <= columns
        assert max(canvas.shape) <= 1600
    else:
        assert max(sixel_pixels(ran.out).shape) <= 1000


@pytest.mark.parametrize("pixels", [(1, 1), (65535, 65535), (80, 24), (0, 480)])
def test_cells_of_impossible_sizes_are_not_believed(
    pixels: tuple[int, int], emulated: Callable[..., Screen]
) -> None:
    answers = {b"kitty": KITTY, b"16t": b"\x1b[6;0;99999t", b"c": PLAIN}
    assert emulated(answers, {}, bytearray(), pixels=pixels) == Screen(
        GraphicsProtocol.KITTY, 24, 80, (20, 10)
    )


# What was typed


def test_what_was_typed_ahead_is_left_for_who_reads_next() -> None:
    kept: list[bytes] = []
    ran = in_terminal(*BOX, "--preview", answers={b"c": SIXEL}, typed=b"ls\n", kept=kept)
    assert kept == [b"ls\n"]
    assert "\x1b[c" not in ran.out
    assert "▀" in ran.out


def test_what_is_half_typed_is_left_too() -> None:
    kept: list[bytes] = []
    assert in_terminal(*BOX, "--preview", answers={b"c": SIXEL}, typed=b"ech", kept=kept).code == 0
    assert kept == [b"ech"]


def test_an_answer_is_neither_echoed_nor_left() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    seen = bytearray()
    with answering(master, {b"kitty": KITTY, b"16t": CELL, b"c": SIXEL}, seen):
        reply = query_terminal(slave, QUERIES.encode(), 30)
        os.set_blocking(slave, False)
        with pytest.raises(BlockingIOError):
            os.read(slave, 1)
        assert termios.tcgetattr(slave) == before
        os.close(slave)
    os.close(master)
    assert reply == KITTY + CELL + SIXEL
    assert bytes(seen) == QUERIES.encode()


@pytest.mark.parametrize(
    ("typed", "put_back"), [(b"ls\n", b"ls\n"), (b"\xc3\xa9", b"\xc3\xa9"), (b"\x1b[A", b""), (b"\x07x", b"")]
)
def test_what_is_typed_meanwhile_is_put_back(
    monkeypatch: pytest.MonkeyPatch, typed: bytes, put_back: bytes
) -> None:
    given = bytearray()

    def control(_: int, request: int, argument: bytes) -> None:
        assert request == termios.TIOCSTI
        given.extend(argument)

    monkeypatch.setattr("convcli.cli.terminal.capabilities.fcntl.ioctl", control)
    master, slave = pty.openpty()
    with answering(master, {b"kitty": KITTY, b"16t": typed, b"c": PLAIN}, bytearray()):
        assert query_terminal(slave, QUERIES.encode(), 30) == KITTY + typed + PLAIN
        os.close(slave)
    os.close(master)
    assert given == put_back


def test_a_silent_terminal_is_not_waited_for_long() -> None:
    master, slave = pty.openpty()
    started = time.monotonic()
    assert query_terminal(slave, b"\x1b[c", 0.05) == b""
    assert time.monotonic() - started < 60
    os.close(slave)
    os.close(master)


def test_a_terminal_that_never_stops_is_not_listened_to_for_ever() -> None:
    master, slave = pty.openpty()
    done = threading.Event()

    def talk() -> None:
        os.read(master, 100)
        os.set_blocking(master, False)
        while not done.is_set():
            with suppress(BlockingIOError):
                os.write(master, b"\x1b[[" * 100)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    assert len(query_terminal(slave, b"\x1b[c", 30)) == 4096
    done.set()
    thread.join(60)
    os.close(slave)
    os.close(master)


def test_who_works_in_the_background_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp() + 1)
    assert query_terminal(slave, b"\x1b[c", 30) == b""
    os.close(slave)
    os.close(master)


def test_what_cannot_be_read_is_not_asked(tmp_path: Path) -> None:
    for flags in (os.O_WRONLY, os.O_RDWR):
        descriptor = os.open(tmp_path / "file", flags | os.O_CREAT)
        assert query_terminal(descriptor, b"\x1b[c", 30) == b""
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_while_it_waits_for_an_answer_restores_the_terminal(number: signal.Signals) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    code = (
        "from convcli.signals import install_signal_handlers; from convcli.cli.terminal.capabilities import query_terminal\n"
        "install_signal_handlers(); query_terminal(0, b'\\x1b[c', 60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave) as process:
        assert os.read(master, 3) == b"\x1b[c"
        assert not termios.tcgetattr(slave)[3] & termios.ECHO
        process.send_signal(number)
        assert process.wait(60) == -number
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


# Never into a pipe


def test_into_a_pipe_nothing_is_shown_and_a_note_says_so(convcli: Runner) -> None:
    for arguments in (["--preview"], ["--preview-as", "kitty"]):
        ran = convcli(*BOX, "--force", *arguments)
        assert ran.all == (0, "out.png\n", f"{NOTE}standard output is not a terminal\n")


def test_a_pipe_gets_the_bytes_that_it_gets_without_a_preview(convcli: Runner) -> None:
    Path("a.csv").write_text("1 2\n3 4\n")
    plain, shown = (convcli("apply", "a.csv", "--filter", "box", *more) for more in ((), ("--preview",)))
    assert (plain.code, plain.out) == (shown.code, shown.out)


def test_beside_json_nothing_is_shown(terminal: Runner) -> None:
    ran = terminal(*BOX, "--json", "--preview")
    assert (ran.code, ran.err) == (0, f"{NOTE}--json is for programs\n")
    assert ran.out.startswith('{"input"')
    assert ran.out.count("\n") == 1


def test_where_standard_output_takes_the_result_nothing_is_shown(terminal: Runner) -> None:
    Path("a.csv").write_text("1 2\n3 4\n")
    ran = terminal("apply", "a.csv", "--kernel", "1", "-o", "-", "--format", "csv", "--preview")
    assert ran.all == (0, "1,2\n3,4\n", f"{NOTE}standard output receives the result itself\n")


def test_a_size_cannot_be_shown(convcli: Runner) -> None:
    assert_refused(
        convcli("pool", "--n", "9", "--preview"), "--n: prints a size, so --preview has no effect; "
    )


def test_unknown_means_are_refused_before_anything_is_done(in_folder: Path, convcli: Runner) -> None:
    before = contents(in_folder)
    assert_refused(
        convcli(*BOX, "--preview-as", "sixels"), "--preview-as 'sixels': unknown value; did you mean sixel?"
    )
    assert contents(in_folder) == before


# Which pictures are shown


def test_each_of_a_batch_stands_above_its_own_answer() -> None:
    for level in range(6):
        Image.fromarray(np.full((4, 4), 40 * level, np.uint8)).save(f"{level}.png")
    Path("3.png").write_bytes(b"no picture")
    ran = in_terminal(
        "apply", *(f"{level}.png" for level in range(6)), "--filter", "identity", "--preview-as", "truecolor",
        "--jobs", "2", size=(8, 80),
    )  # fmt: skip
    assert ran.code == 1
    assert ran.err.startswith("convcli: 3.png: ")
    blocks = re.split(r"(?m)^(\d-identity\.png  .*)\n", ran.out)
    assert [answer[0] for answer in blocks[1::2]] == list("01245")
    for level, text in zip((0, 1, 2, 4, 5), blocks[::2], strict=False):
        label, *lines = text.splitlines()
        assert label.startswith(f"{level}.png 4x4")
        for part in parts(block_pixels(lines)):
            assert part.shape == (8, 8, 3)
            assert (part == 40 * level).all()


def test_maps_stand_in_a_grid_and_those_left_out_are_counted(shown: Runner) -> None:
    maps = np.ones((4, 4, 64))
    maps[:2, :2] = -1
    maps[..., 1] *= -1
    np.save("maps.npy", maps)
    ran = shown("pool", "maps.npy", "--f", "2")
    *_, left_out, answer = ran.out.splitlines()
    labels = re.findall(r"map (\d+) 2x2", ran.out)
    assert labels == [str(number) for number in range(1, len(labels) + 1)]
    assert len(labels) >= 20
    assert left_out == f"{64 - len(labels)} of 64 maps are left out"
    assert answer.startswith("maps-maxpool-2x2.npy  (2x2x64, ")
    assert number_cells(ran.out.splitlines()[1])[:8] == [
        (1, "-1"), (1, "-1"), (255, "1"), (255, "1"), (1, "-1"), (255, "1"), (255, "1"), (1, "-1")
    ]  # fmt: skip


def test_maps_of_a_bank_are_named_by_their_angles(shown: Runner) -> None:
    ran = shown("apply", CAT, "--bank", "gabor:8", "--channels", "gray", "-o", "maps.npy")
    angles = ["0°", "22.5°", "45°", "67.5°", "90°", "112.5°", "135°", "157.5°"]
    assert re.findall(r"(\S+°) 300x451", ran.out) == angles
    assert " map " not in ran.out
    np.save("weights.npy", np.ones((1, 1, 1, 3)))
    ran = shown("apply", CAT, "--kernel", "@weights.npy", "--channels", "sum", "-o", "sums.npy")
    assert re.findall(r"map (\d) 300x451", ran.out) == ["1", "2", "3"]
    ran = shown("apply", CAT, "--bank", "sobel:2", "-o", "each.npy")
    names = ["r, 0°", "r, 90°", "g, 0°", "g, 90°", "b, 0°", "b, 90°"]
    assert re.findall(r"([rgb], \d+°) 300x451", ran.out) == names
    ran = shown("apply", CAT, "--kernel", "@weights.npy", "--channels", "depthwise", "-o", "own.npy")
    assert re.findall(r"([rgb], map \d) 300x451", ran.out) == ["r, map 1", "g, map 2", "b, map 3"]


def test_input_and_result_are_drawn_at_one_scale(shown: Runner) -> None:
    ran = shown(
        "apply", SAMPLES / "vertical-edge.csv", "--filter", "vertical", "--padding", "0", "-o", "e.npy"
    )
    label, *lines, scale, _ = ran.out.splitlines()
    assert label.split() == ["vertical-edge.csv", "6x6", "vertical", "4x4"]
    cells = [number_cells(line) for line in lines]  # three lines a row, with the number in the second
    assert len(cells) == 18
    assert cells[1] == [(255, "10")] * 3 + [(128, "0")] * 3 + [
        (128, "0"),
        (255, "30"),
        (255, "30"),
        (128, "0"),
    ]
    assert cells[0] == [(level, "") for level, _ in cells[1]]
    assert cells[13] == [(255, "10")] * 3 + [(128, "0")] * 3
    assert scale == "mid-gray is 0, white and black are ±10 (vertical-edge.csv), ±30 (vertical)"

    assert shown("pool", CAT, "--f", "2", "-o", "half.png").code == 0
    ran = shown("pool", CAT, "--f", "2", "-o", "half.png", "--force")
    before, result = parts(block_pixels(ran.out.splitlines()[1:-1]))
    np.testing.assert_array_equal(before, expected(CAT, (25, 38)))
    np.testing.assert_array_equal(result, expected("half.png", (13, 19)))

    Path("tiny.csv").write_text("0 10\n")
    ran = shown("apply", "tiny.csv", "--kernel", "1", "--padding", "6", "-o", "large.npy")
    before, result = parts(block_pixels(ran.out.splitlines()[1:-2]))
    assert (before.shape, result.shape) == ((2, 4, 3), (26, 28, 3))


def test_pixels_of_a_matrix_are_shown_as_a_matrix(shown: Runner) -> None:
    options = "--filter", "vertical", "--padding", "valid", "-o", "e.png", "--force"
    ran = shown("apply", SAMPLES / "vertical-edge.csv", *options)
    assert pixels_of("e.png")[0, :, 0].tolist() == [0, 30, 30, 0]  # nearly black in the file
    assert number_cells(ran.out.splitlines()[2])[6:] == [(128, "0"), (255, "30"), (255, "30"), (128, "0")]
    ran = shown("apply", SAMPLES / "vertical-edge.csv", *options, "--signed", "gray")
    _, result = parts(block_pixels(ran.out.splitlines()[1:-2]))
    assert np.unique(result[0, :, 0]).tolist() == [128, 255]  # what is asked for is shown as it is written


def test_zero_is_mid_gray_in_raw_numbers(shown: Runner) -> None:
    np.save("a.npy", np.tile([0, 0, 8, 8, 0, 0], (6, 3)))
    ran = shown("apply", "a.npy", "--filter", "vertical", "-o", "b.npy")
    first, second = parts(block_pixels(ran.out.splitlines()[1:-2]))
    assert first[0, ::2, 0].tolist() == [0, 0, 255, 255, 0, 0] * 3  # nothing is negative
    assert second[0, :12:2, 0].tolist() == [128, 1, 1, 255, 255, 128]
    assert ran.out.splitlines()[-2] == "mid-gray is 0, white and black are ±24"


@pytest.mark.parametrize(
    ("protocol", "pixels_in"), [("kitty", kitty_pixels), ("iterm2", iterm2_pixels), ("sixel", sixel_pixels)]
)
def test_numbers_are_drawn_into_pictures(
    terminal: Runner, monkeypatch: pytest.MonkeyPatch, protocol: str, pixels_in: Callable[[str], Any]
) -> None:
    monkeypatch.setenv("LINES", "24")
    Path("a.csv").write_text("10 0\n10 0\n")
    ran = terminal("apply", "a.csv", "--kernel", "1", "-o", "a.npy", "--preview-as", protocol, columns=80)
    assert (ran.code, ran.err) == (0, "")
    found = pixels_in(ran.out)
    pixels = found[0] if isinstance(found, tuple) else found
    levels = pixels[..., 0][pixels[..., 3] > 0]
    assert (levels == 255).mean() > 0.4  # white cells
    assert 0.4 < ((levels > 120) & (levels < 140)).mean() < 0.5  # and mid-gray ones
    assert (levels < 60).any()  # with black numbers


def test_filters_show_their_kernels(shown: Runner, terminal: Runner) -> None:
    ran = shown("filters", "sobel")
    label = next(number for number, line in enumerate(ran.out.splitlines()) if line.startswith("x 3x3"))
    lines = [number_cells(line) for line in ran.out.splitlines()[label + 1 :]]
    rows = [line for line in lines if line and line[0][1]]
    levels = {-2: 1, -1: 64, 0: 128, 1: 192, 2: 255}  # 128 + 127·value/2
    wanted = [(-1, 0, 1, -1, -2, -1), (-2, 0, 2, 0, 0, 0), (-1, 0, 1, 1, 2, 1)]
    assert rows == [[(levels[value], f"{value}") for value in row] for row in wanted]
    assert "mid-gray is 0, white and black are ±2\n" in ran.out
    wide = shown("filters", "gaussian:sigma=3")  # 25x25
    assert "▀" in wide.out
    monochrome = terminal("filters", "vertical", "--preview-as", "ascii", columns=80)
    assert monochrome.out.count("\n  1     0     -1\n") == 3
    assert "\x1b" not in monochrome.out


def test_filters_into_a_pipe_show_nothing(convcli: Runner) -> None:
    assert convcli("filters", "vertical", "--preview").all == (
        0,
        "1 0 -1\n" * 3,
        f"{NOTE}standard output is not a terminal\n",
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (3, 5, 4), (2, 2, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pictures_of_any_shape_and_depth_are_shown(
    terminal: Runner, shape: tuple[int, ...], dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "24")
    np.save("a.npy", np.full(shape, 200, dtype))
    ran = terminal("pool", "a.npy", "--f", "1", "-o", "b.npy", "--preview-as", "truecolor", columns=80)
    assert (ran.code, ran.err) == (0, "")
    label, *lines, _ = ran.out.splitlines()
    assert label.startswith("a.npy")
    assert len(lines) <= 22
    assert parts(block_pixels(lines[:1])) if "▀" in lines[0] or "▄" in lines[0] else number_cells(lines[1])


def test_alpha_is_laid_over_squares(shown: Runner) -> None:
    Image.fromarray(np.zeros((12, 12, 4), np.uint8)).save("a.png")
    ran = shown("pool", "a.png", "--f", "1")
    for part in parts(block_pixels(ran.out.splitlines()[1:-1])):
        assert set(np.unique(part)) == {102, 153}


def test_names_are_as_wide_as_they_are_shown_and_cannot_move_the_cursor(shown: Runner) -> None:
    for name in ("猫の写真.png", "חתול.png", "a\x1b[31m.png", "n" * 60 + ".png"):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(name)
        ran = shown("pool", name, "--f", "1", "-o", "out.png", "--force")
        label = ran.out.splitlines()[0]
        before, _ = label.split("maxpool-1x1")
        assert cell_len(before) == 40
        assert "\x1b" not in label
    assert before == "n" * 37 + "…  "


@pytest.mark.usefixtures("in_folder")
def test_a_name_from_right_to_left_keeps_its_size_and_its_neighbour_in_place(shown: Runner) -> None:
    Image.fromarray(np.zeros((40, 60), np.uint8)).save("\u05d7\u05ea\u05d5\u05dc.png")
    labels = shown("apply", "\u05d7\u05ea\u05d5\u05dc.png", "--filter", "box").out.splitlines()[0]
    assert labels.startswith("\u200e\u05d7\u05ea\u05d5\u05dc\u200e.png 40x60 ")
    assert cell_len(labels.partition("box")[0]) == 40


def test_learn_shows_input_target_result_and_filter(shown: Runner) -> None:
    pixels = np.random.default_rng(2).integers(0, 9, (20, 20)).astype(np.int64)
    target = pixels[1:-1, 2:] - pixels[1:-1, :-2]
    np.save("in.npy", pixels)
    np.save("target.npy", target)
    ran = shown("learn", "in.npy", "target.npy", "--closed-form")
    assert (ran.code, ran.err) == (0, "")
    label = ran.out.splitlines()[0]
    assert label.split() == ["in.npy", "20x20", "target.npy", "18x18", "learned", "18x18", "filter", "3x3"]
    rows = [line for line in ran.out.splitlines()[1:] if "▀" in line or "▄" in line]
    _, wanted, made, taps = parts(block_pixels(rows))
    np.testing.assert_allclose(made.astype(int), wanted, atol=1)
    side = len(taps) // 3
    assert taps[side + 1, [0, side, 2 * side], 0].tolist() == [1, 128, 255]
    assert "learned  3x3 coefficients by least squares" in ran.out


def test_what_is_learned_becomes_pixels_as_the_target_did(convcli: Runner, shown: Runner) -> None:
    with Image.open(SAMPLES / "camera.png") as image:
        image.crop((150, 50, 250, 150)).save("in.png")
    assert convcli("apply", "in.png", "--filter", "sobel-x", "-o", "target.png").code == 0
    ran = shown("learn", "in.png", "target.png", "--abs", "--closed-form")
    rows = [line for line in ran.out.splitlines()[1:] if "▀" in line or "▄" in line]
    _, wanted, made, _ = parts(block_pixels(rows))
    assert wanted.shape == made.shape
    assert np.abs(wanted.astype(int) - made).mean() < 8


def test_learn_into_a_pipe_shows_nothing(convcli: Runner) -> None:
    pixels = np.random.default_rng(2).integers(0, 9, (9, 9)).astype(float)
    np.save("in.npy", pixels)
    ran = convcli("learn", "in.npy", "in.npy", "--closed-form", "--preview")
    assert (ran.code, ran.err) == (0, f"{NOTE}standard output is not a terminal\n")
    assert len(ran.out.splitlines()) == 3
