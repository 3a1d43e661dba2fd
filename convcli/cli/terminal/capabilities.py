"""What a terminal can show: judged by its environment, and by querying it about pictures.

Only answers prove that a terminal shows pictures: another terminal, started in kitty, inherits kitty's
variables. The query that all terminals answer comes last, so that there is nothing to wait for after it.

Sources: ECMA-48, XTerm Control Sequences (device attributes, window operations); kitty, "Terminal graphics
protocol", querying support; no-color.org.
"""

import os
import re
import select
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from shutil import get_terminal_size

from convcli.signals import cleanup_at_signal

__all__ = ["GraphicsProtocol", "Screen", "query_terminal", "screen"]

try:
    import fcntl
    import termios
    import tty
except ImportError:  # Windows: its terminals cannot be queried
    CAN_ASK = False
else:
    CAN_ASK = True


class GraphicsProtocol(StrEnum):
    """Ways a terminal can show pictures (graphics protocols and characters), the best first."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    TRUECOLOR = "truecolor"
    COLORS_256 = "256"
    ASCII = "ascii"

    @property
    def has_pixels(self) -> bool:
        """Whether it draws pixels instead of characters."""
        return self in (GraphicsProtocol.KITTY, GraphicsProtocol.ITERM2, GraphicsProtocol.SIXEL)


@dataclass(frozen=True)
class Screen:
    """A terminal.

    Attributes
    ----------
    means : GraphicsProtocol
    rows, columns : int
        Of its window, in cells.
    cell : (int, int)
        Height and width of a cell in what is drawn: pixels, or the two halves of a character.
    """

    means: GraphicsProtocol
    rows: int
    columns: int
    cell: tuple[int, int]


HALVES = (2, 1)
USUAL_CELL = (20, 10)  # pixels of a cell if the terminal does not report them: that of the VT340
CELLS = (range(4, 129), range(2, 65))  # plausible heights and widths
# A picture with more pixels takes long to send; xterm shows no larger sixel pictures.
MAX_PIXELS = {GraphicsProtocol.KITTY: 1600, GraphicsProtocol.ITERM2: 1600, GraphicsProtocol.SIXEL: 1000}
MAX_CELLS = (200, 400)  # rows and columns of characters
PATIENCE = 1.0  # seconds to wait for an answer, over a slow line

# Queries for kitty's graphics protocol, the size of a cell, and the attributes of the terminal.
QUESTIONS = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + b"\x1b[16t" + b"\x1b[c"
KITTY_ANSWER = re.compile(rb"\x1b_Gi=31[^\x1b;]*;([^\x1b]*)\x1b\\")
CELL_ANSWER = re.compile(rb"\x1b\[6;(\d{1,5});(\d{1,5})t")
ATTRIBUTES_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
ANSWERS = (KITTY_ANSWER, CELL_ANSWER, ATTRIBUTES_ANSWER)
CONTROL = re.compile(rb"[^\t\n\r\x20-\x7e\x80-\xff]")
LONGEST_ANSWER = 4096  # bytes
SIXEL_ATTRIBUTE = b"4"
SAY_THAT_THEY_ARE_ITERM2 = {"iTerm.app", "iTerm2", "WezTerm", "mintty"}
# These terminals print a part of queries that they do not know.
NOT_TO_BE_ASKED = {"Apple_Terminal", "linux", "cons25"}


def screen(means: GraphicsProtocol | None = None) -> Screen:
    """Return what the terminal of standard output can show; `means` overrides what it reports."""
    characters = _character_protocol()
    answers = b""
    if means is None and characters != GraphicsProtocol.ASCII and _may_be_asked():
        answers = query_terminal(sys.stdout.fileno(), QUESTIONS, PATIENCE)
        means = _protocol_answered(answers)
    means = means or characters
    size = get_terminal_size()
    rows, columns = max(1, size.lines), max(1, size.columns)
    if means.has_pixels:
        cell = _cell_of_window() or _cell_answered(answers) or USUAL_CELL
        return _screen_of_pixels(means, rows, columns, cell)
    return Screen(means, min(rows, MAX_CELLS[0]), min(columns, MAX_CELLS[1]), HALVES)


def _screen_of_pixels(means: GraphicsProtocol, rows: int, columns: int, cell: tuple[int, int]) -> Screen:
    """Return the part of the window and the resolution of its cells that respect the limit of pixels."""
    height, width = cell
    most = MAX_PIXELS[means]
    if means != GraphicsProtocol.SIXEL:  # the others scale the pictures they get
        coarser = max(1, -(-max(rows * height, columns * width) // most))
        height, width = max(1, height // coarser), max(1, width // coarser)
    rows, columns = min(rows, max(1, most // height)), min(columns, max(1, most // width))
    return Screen(means, rows, columns, (height, width))


def _character_protocol() -> GraphicsProtocol:
    """Return the way to show pictures by characters, in as many colors as tables use."""
    from rich.console import Console  # late: most commands show no picture

    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    if os.environ.get("NO_COLOR") or not encoding.startswith("utf"):
        return GraphicsProtocol.ASCII
    system = Console(file=sys.stdout, force_terminal=True).color_system
    if system == "truecolor":
        return GraphicsProtocol.TRUECOLOR
    return GraphicsProtocol.COLORS_256 if system == "256" else GraphicsProtocol.ASCII


def _may_be_asked() -> bool:
    """Whether a terminal can be queried: it does not print queries, and answers for the screen that is seen.

    That is not so in tmux and screen: tmux reports sixel support, but shows a text instead if the terminal
    that it runs in has none.
    """
    names = {os.environ.get("TERM"), os.environ.get("TERM_PROGRAM")}
    inner = os.environ.get("TERM", "").startswith(("tmux", "screen"))
    multiplexed = inner or os.environ.get("TMUX") or os.environ.get("STY")
    return CAN_ASK and NOT_TO_BE_ASKED.isdisjoint(names) and not multiplexed


def _protocol_answered(answers: bytes) -> GraphicsProtocol | None:
    """Return the best way that the terminal reports to support."""
    attributes = ATTRIBUTES_ANSWER.search(answers)
    if attributes is None:  # no answer, or none that makes sense
        return None
    kitty = KITTY_ANSWER.search(answers)
    if kitty is not None and kitty[1] == b"OK":
        return GraphicsProtocol.KITTY
    if SIXEL_ATTRIBUTE not in attributes[1].split(b";")[1:]:
        return None
    names = {os.environ.get("TERM_PROGRAM"), os.environ.get("LC_TERMINAL")}
    return GraphicsProtocol.SIXEL if names.isdisjoint(SAY_THAT_THEY_ARE_ITERM2) else GraphicsProtocol.ITERM2


def _cell_of_window() -> tuple[int, int] | None:
    """Return the height and width of a cell in pixels, as the system reports them."""
    if not CAN_ASK:
        return None
    try:
        told = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", told)
    return _validated(height // max(1, rows), width // max(1, columns))


def _cell_answered(answers: bytes) -> tuple[int, int] | None:
    found = CELL_ANSWER.search(answers)
    return None if found is None else _validated(int(found[1]), int(found[2]))


def _validated(height: int, width: int) -> tuple[int, int] | None:
    return (height, width) if height in CELLS[0] and width in CELLS[1] else None


def query_terminal(terminal: int, questions: bytes, patience: float) -> bytes:
    """Query a terminal and return its answers; return nothing if it cannot be queried safely.

    It is not asked where somebody has typed already: that is for whoever reads next. What is typed meanwhile
    is put back, if the system allows it.

    Parameters
    ----------
    terminal : int
        Descriptor.
    questions : bytes
        The last one asks for its attributes, whose answer is the last that is read.
    patience : float
        Seconds.
    """
    try:
        if fcntl.fcntl(terminal, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR or _is_in_background(terminal):
            return b""
        before = termios.tcgetattr(terminal)
    except (OSError, ValueError, termios.error):
        return b""

    def restore() -> None:
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(terminal, termios.TCSANOW, before)

    heard = b""
    with cleanup_at_signal(restore):
        try:
            tty.setcbreak(
                terminal, termios.TCSANOW
            )  # no echo, and input is available before the end of a line
            if not _has_input(terminal, 0):
                os.write(terminal, questions)
                heard = _read_reply(terminal, patience)
        except (OSError, termios.error):
            heard = b""
        finally:
            restore()
    _put_back(terminal, heard)
    return heard


def _is_in_background(terminal: int) -> bool:
    """Whether this process is in the background, where changing the terminal would stop it."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # no shell has it
        return False


def _has_input(terminal: int, patience: float) -> bool:
    return bool(select.select([terminal], [], [], patience)[0])


def _read_reply(terminal: int, patience: float) -> bytes:
    """Read up to the last answer, byte by byte, as later bytes are for other programs."""
    heard = bytearray()
    deadline = time.monotonic() + patience
    while len(heard) < LONGEST_ANSWER and _has_input(terminal, max(0, deadline - time.monotonic())):
        part = os.read(terminal, 1)
        heard += part
        if not part or (part == b"c" and ATTRIBUTES_ANSWER.search(heard)):
            break
    return bytes(heard)


def _put_back(terminal: int, heard: bytes) -> None:
    """Put back into the input what was typed meanwhile."""
    for answer in ANSWERS:
        heard = answer.sub(b"", heard)
    if CONTROL.search(heard):  # an unknown answer
        return
    with suppress(OSError, AttributeError):
        for byte in heard:
            fcntl.ioctl(terminal, termios.TIOCSTI, bytes([byte]))
