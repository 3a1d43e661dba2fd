"""What terminals make of the pictures that are sent to them, decoded independently, and terminals that answer."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.command_line import Ran

Pixels = NDArray[np.uint8]

HIDDEN = {
    "COLUMNS", "LINES", "TMUX", "STY", "NO_COLOR", "COLORTERM", "TERM_PROGRAM", "LC_TERMINAL", "FORCE_COLOR",
}  # fmt: skip
QUESTION = re.compile(rb"\x1b_Gi=31[^\x1b]*\x1b\\|\x1b\[16t|\x1b\[c")


def opened(png: bytes) -> Pixels:
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"))


def kitty_pixels(text: str) -> tuple[Pixels, dict[str, str]]:
    """Return the picture in kitty's sequences, and the keys of the first."""
    chunks = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    keys = [dict(pair.split("=") for pair in head.split(",")) for head, _ in chunks]
    assert [key["m"] for key in keys] == ["1"] * (len(chunks) - 1) + ["0"]
    assert all(key["q"] == "2" for key in keys)
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in chunks)
    assert all(set(key) == {"q", "m"} for key in keys[1:])
    return opened(b64decode("".join(data for _, data in chunks))), keys[0]


def iterm2_pixels(text: str) -> tuple[Pixels, dict[str, str]]:
    found = re.search(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\a", text)
    assert found
    keys = dict(pair.split("=") for pair in found[1].split(";"))
    data = b64decode(found[2])
    assert int(keys["size"]) == len(data)
    return opened(data), keys


def sixel_pixels(text: str) -> Pixels:
    """Draw sixels one after another, as a VT340 does; what is not drawn is transparent."""
    found = re.search(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*?)\x1b\\', text, re.DOTALL)
    assert found
    width, height = int(found[1]), int(found[2])
    canvas = np.zeros((height + 5, width, 4), np.uint8)
    palette: dict[int, list[int]] = {}
    x = y = color = 0
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])", found[3]):
        number, *percents, count, repeated, single, control = token.groups()
        if number is not None:
            color = int(number)
            if percents[0] is not None:
                palette[color] = [round(int(part) * 255 / 100) for part in percents]
        elif control is not None:
            x, y = 0, y + 6 * (control == "-")
        else:
            bits = ord(repeated or single) - 63
            drawn = [y + row for row in range(6) if bits >> row & 1]
            if drawn:
                canvas[drawn, x : x + int(count or 1)] = [*palette[color], 255]
            x += int(count or 1)
    assert re.sub(r"#(\d+)(?:;2;\d+;\d+;\d+)?|!\d+[?-~]|[?-~]|[$-]", "", found[3]) == ""
    assert not canvas[height:].any()
    return canvas[:height]


def xterm_color(number: int) -> list[int]:
    assert 16 <= number <= 255
    if number >= 232:
        return [8 + 10 * (number - 232)] * 3
    levels = [0, 95, 135, 175, 215, 255]
    return [levels[(number - 16) // 36], levels[(number - 16) // 6 % 6], levels[(number - 16) % 6]]


def block_pixels(lines: list[str]) -> Pixels:
    """Return the halves of the characters in lines as pixels; RGB, and alpha 0 where there is none."""
    rows: list[list[list[int]]] = []
    for line in lines:
        colors: dict[str, list[int]] = {}
        upper, lower = [], []
        for code, char in re.findall(r"\x1b\[([\d;]*)m|(.)", line):
            if not char:
                parts = code.split(";")
                while parts:
                    first = parts.pop(0)
                    if first in ("0", ""):
                        colors = {}
                        continue
                    kind = parts.pop(0)
                    taken = 3 if kind == "2" else 1
                    values, parts = list(map(int, parts[:taken])), parts[taken:]
                    colors[first] = [*(values if kind == "2" else xterm_color(values[0])), 255]
                continue
            front, back = colors.get("38"), colors.get("48", [0] * 4)
            assert char in " ▀▄"
            assert (front is None) == (char == " ")
            upper.append(front if char == "▀" and front else back)
            lower.append(front if char == "▄" and front else back)
        rows += [upper, lower]
    width = max(map(len, rows))
    return np.array([row + [[0] * 4] * (width - len(row)) for row in rows], np.uint8)


@contextmanager
def answering(master: int, answers: dict[bytes, bytes], seen: bytearray) -> Iterator[None]:
    """Answer questions at the master's side of a terminal till the other is closed; keep what is shown."""

    def serve() -> None:
        known = 0
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                return
            if not part:
                return
            seen.extend(part)
            for question in list(QUESTION.finditer(seen))[known:]:
                known += 1
                kind = b"kitty" if question[0].startswith(b"\x1b_") else question[0][2:]
                os.write(master, answers.get(kind, b""))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def in_terminal(
    *arguments: object,
    size: tuple[int, int] = (24, 80),
    pixels: tuple[int, int] = (0, 0),
    answers: dict[bytes, bytes] | None = None,
    typed: bytes = b"",
    kept: list[bytes] | None = None,
    environment: dict[str, str] | None = None,
) -> Ran:
    """Run convcli in a terminal of its own that has a size, in cells and pixels, and that answers.

    What was typed before is given to `kept`, as the next program would read it.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, pixels[1], pixels[0]))
    before = termios.tcgetattr(slave)
    os.write(master, typed)
    variables: dict[str, Any] = {key: value for key, value in os.environ.items() if key not in HIDDEN}
    variables |= {"TERM": "xterm-256color", **(environment or {})}
    seen = bytearray()
    command = [sys.executable, "-m", "convcli", *map(str, arguments)]
    # Before there is a thread: to fork beside one is not safe.
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        env=variables,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
    )
    with process, answering(master, answers or {}, seen):
        err = process.stderr.read() if process.stderr else b""
        process.wait()
        assert termios.tcgetattr(slave) == before
        if kept is not None:
            os.set_blocking(slave, False)
            kept.append(os.read(slave, 100))
        os.close(slave)
    os.close(master)
    text = seen.decode().replace("\r\n", "\n")
    return Ran(process.returncode, text, err.decode())
