"""What a terminal can show, according to its environment and its replies to queries.

Only replies prove that a terminal shows pictures: another terminal, started in kitty, inherits kitty's
variables. The query that all terminals answer comes last, so that its reply ends the wait.

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

__all__ = ["HALF_BLOCK_CELL", "GraphicsProtocol", "Screen", "detect_screen", "query_terminal"]

try:
    import fcntl
    import termios
    import tty
except ImportError:  # Windows: its terminals cannot be queried
    CAN_QUERY = False
else:
    CAN_QUERY = True


class GraphicsProtocol(StrEnum):
    """Protocols by which a terminal shows pictures, as pixels or as characters, the best first."""

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
    protocol : GraphicsProtocol
    rows, columns : int
        Of its window, in cells.
    cell : (int, int)
        Height and width of a cell in what is drawn: pixels, or the two halves of a character.
    """

    protocol: GraphicsProtocol
    rows: int
    columns: int
    cell: tuple[int, int]


HALF_BLOCK_CELL = (2, 1)
DEFAULT_CELL = (20, 10)  # pixels of a cell if the terminal does not report them: that of the VT340
PLAUSIBLE_CELLS = (range(4, 129), range(2, 65))  # plausible heights and widths
# A picture with more pixels takes long to send; xterm shows no larger sixel pictures.
MAX_PIXELS = {GraphicsProtocol.KITTY: 1600, GraphicsProtocol.ITERM2: 1600, GraphicsProtocol.SIXEL: 1000}
MAX_CELLS = (200, 400)  # rows and columns of characters
QUERY_TIMEOUT = 1.0  # seconds to wait for a reply, over a slow line

# Queries for kitty's graphics protocol, the size of a cell, and the attributes of the terminal.
QUERIES = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + b"\x1b[16t" + b"\x1b[c"
KITTY_REPLY = re.compile(rb"\x1b_Gi=31[^\x1b;]*;([^\x1b]*)\x1b\\")
CELL_REPLY = re.compile(rb"\x1b\[6;(\d{1,5});(\d{1,5})t")
ATTRIBUTES_REPLY = re.compile(rb"\x1b\[\?([\d;]*)c")
REPLIES = (KITTY_REPLY, CELL_REPLY, ATTRIBUTES_REPLY)
CONTROL = re.compile(rb"[^\t\n\r\x20-\x7e\x80-\xff]")
MAX_REPLY = 4096  # bytes
SIXEL_ATTRIBUTE = b"4"
ITERM2_PROGRAMS = {"iTerm.app", "iTerm2", "WezTerm", "mintty"}
# These terminals print a part of queries that they do not know.
UNQUERYABLE_TERMINALS = {"Apple_Terminal", "linux", "cons25"}


def detect_screen(protocol: GraphicsProtocol | None = None) -> Screen:
    """Return what the terminal of standard output can show; `protocol` overrides what it reports."""
    characters = _character_protocol()
    reply = b""
    if protocol is None and characters != GraphicsProtocol.ASCII and _can_be_queried():
        reply = query_terminal(sys.stdout.fileno(), QUERIES, QUERY_TIMEOUT)
        protocol = _protocol_from_reply(reply)
    protocol = protocol or characters
    size = get_terminal_size()
    rows, columns = max(1, size.lines), max(1, size.columns)
    if protocol.has_pixels:
        cell = _cell_from_system() or _cell_from_reply(reply) or DEFAULT_CELL
        return _pixel_screen(protocol, rows, columns, cell)
    return Screen(protocol, min(rows, MAX_CELLS[0]), min(columns, MAX_CELLS[1]), HALF_BLOCK_CELL)


def _pixel_screen(protocol: GraphicsProtocol, rows: int, columns: int, cell: tuple[int, int]) -> Screen:
    """Return the part of the window and the resolution of its cells that respect the limit of pixels."""
    height, width = cell
    max_pixels = MAX_PIXELS[protocol]
    if protocol != GraphicsProtocol.SIXEL:  # the others scale the pictures they get
        divisor = max(1, -(-max(rows * height, columns * width) // max_pixels))
        height, width = max(1, height // divisor), max(1, width // divisor)
    rows, columns = min(rows, max(1, max_pixels // height)), min(columns, max(1, max_pixels // width))
    return Screen(protocol, rows, columns, (height, width))


def _character_protocol() -> GraphicsProtocol:
    """Return the protocol that shows pictures by characters, in as many colors as tables use."""
    from rich.console import Console  # late: most commands show no picture

    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    if os.environ.get("NO_COLOR") or not encoding.startswith("utf"):
        return GraphicsProtocol.ASCII
    color_system = Console(file=sys.stdout, force_terminal=True).color_system
    if color_system == "truecolor":
        return GraphicsProtocol.TRUECOLOR
    return GraphicsProtocol.COLORS_256 if color_system == "256" else GraphicsProtocol.ASCII


def _can_be_queried() -> bool:
    """Whether the terminal can be queried: it does not print queries, and its replies are about what is seen.

    That is not so in tmux and screen: tmux reports sixel support, but shows a text instead if the terminal
    that it runs in has none.
    """
    names = {os.environ.get("TERM"), os.environ.get("TERM_PROGRAM")}
    is_inside_multiplexer = os.environ.get("TERM", "").startswith(("tmux", "screen"))
    is_multiplexed = is_inside_multiplexer or os.environ.get("TMUX") or os.environ.get("STY")
    return CAN_QUERY and UNQUERYABLE_TERMINALS.isdisjoint(names) and not is_multiplexed


def _protocol_from_reply(reply: bytes) -> GraphicsProtocol | None:
    """Return the best protocol that the terminal reports to support."""
    attributes = ATTRIBUTES_REPLY.search(reply)
    if attributes is None:  # no reply, or none that makes sense
        return None
    kitty = KITTY_REPLY.search(reply)
    if kitty is not None and kitty[1] == b"OK":
        return GraphicsProtocol.KITTY
    if SIXEL_ATTRIBUTE not in attributes[1].split(b";")[1:]:
        return None
    names = {os.environ.get("TERM_PROGRAM"), os.environ.get("LC_TERMINAL")}
    return GraphicsProtocol.SIXEL if names.isdisjoint(ITERM2_PROGRAMS) else GraphicsProtocol.ITERM2


def _cell_from_system() -> tuple[int, int] | None:
    """Return the height and width of a cell in pixels, as the system reports them."""
    if not CAN_QUERY:
        return None
    try:
        window_size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", window_size)
    return _validated(height // max(1, rows), width // max(1, columns))


def _cell_from_reply(reply: bytes) -> tuple[int, int] | None:
    found = CELL_REPLY.search(reply)
    return None if found is None else _validated(int(found[1]), int(found[2]))


def _validated(height: int, width: int) -> tuple[int, int] | None:
    return (height, width) if height in PLAUSIBLE_CELLS[0] and width in PLAUSIBLE_CELLS[1] else None


def query_terminal(terminal: int, queries: bytes, timeout: float) -> bytes:
    """Query a terminal and return its replies; return nothing if it cannot be queried safely.

    A terminal with pending input is not queried, as the next program should read that. What is typed during
    the query is put back, if the system allows it.

    Parameters
    ----------
    terminal : int
        Descriptor.
    queries : bytes
        The last one asks for the device attributes; their reply is the last that is read.
    timeout : float
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

    reply = b""
    with cleanup_at_signal(restore):
        try:
            # No echo, and input is available before the end of a line.
            tty.setcbreak(terminal, termios.TCSANOW)
            if not _has_input(terminal, 0):
                os.write(terminal, queries)
                reply = _read_reply(terminal, timeout)
        except (OSError, termios.error):
            reply = b""
        finally:
            restore()
    _put_back(terminal, reply)
    return reply


def _is_in_background(terminal: int) -> bool:
    """Whether this process is in the background, where changing the terminal would stop it."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # no shell has it
        return False


def _has_input(terminal: int, timeout: float) -> bool:
    return bool(select.select([terminal], [], [], timeout)[0])


def _read_reply(terminal: int, timeout: float) -> bytes:
    """Read up to the last reply, byte by byte, as later bytes are for other programs."""
    reply = bytearray()
    deadline = time.monotonic() + timeout
    while len(reply) < MAX_REPLY and _has_input(terminal, max(0, deadline - time.monotonic())):
        part = os.read(terminal, 1)
        reply += part
        if not part or (part == b"c" and ATTRIBUTES_REPLY.search(reply)):
            break
    return bytes(reply)


def _put_back(terminal: int, reply: bytes) -> None:
    """Put back into the input what was typed during the query."""
    for pattern in REPLIES:
        reply = pattern.sub(b"", reply)
    if CONTROL.search(reply):  # an unknown reply
        return
    with suppress(OSError, AttributeError):
        for byte in reply:
            fcntl.ioctl(terminal, termios.TIOCSTI, bytes([byte]))
