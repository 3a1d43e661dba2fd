"""Recordings of a terminal: what commands print there, as one SVG that plays it.

The commands run in a terminal of their own, 80x24. Every line is drawn once and appears at its time. The first
command and its answer are there from the beginning, so that no still of the recording is empty; where nothing
moves, the first screen is seen.
"""

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.command_line import all_shown

__all__ = ["recorded"]

COLUMNS, ROWS = 80, 24
CELL, LINE = 8.4, 18.0  # pixels: a letter's width, a line's height
MARGIN, BAR = 14.0, 30.0  # around them, and above
LETTERS = 14  # their size
TYPING, LOOKING, END = 0.03, 2.2, 5.0  # seconds: a letter, an answer, the last screen
PROMPT = "$ "
HALF = "▀"
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PAPER, INK, FRAME = "#16181d", "#e8eaed", "#2c3138"
THEME = TerminalTheme(
    (0x16, 0x18, 0x1D),
    (0xE8, 0xEA, 0xED),
    [(0, 0, 0), (242, 139, 130), (95, 201, 131), (245, 169, 79), (116, 178, 238), (196, 162, 240),
     (110, 200, 200), (200, 204, 209)],
    [(120, 128, 138), (255, 160, 150), (130, 220, 160), (255, 200, 120), (150, 200, 255), (215, 185, 255),
     (140, 225, 225), (255, 255, 255)],
)  # fmt: skip


class Run(NamedTuple):
    """Letters of one style, and in which column they begin."""

    column: int
    text: str
    style: Style


class Shown(NamedTuple):
    """A line, and when it appears: the letters of a command one after the other."""

    time: float
    runs: list[Run]
    is_typed: bool


def recorded(commands: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Run the commands in a folder and return the recording, an SVG document."""
    lines: list[Shown] = []
    now = 0.0
    for command in commands:
        if len(PROMPT + command) > COLUMNS:
            raise ValueError(f"{command}: is wider than the terminal")
        if lines:
            lines.append(Shown(now, [], is_typed=False))
        lines.append(Shown(now, _runs(Text(PROMPT + command)), is_typed=True))
        if now:
            now += TYPING * len(command) + 0.3
        answer = _answer(command, folder, environment)
        lines += [Shown(now, _runs(text), is_typed=False) for text in answer]
        now += LOOKING
    return _document(lines, now - LOOKING + END, commands)


def _answer(command: str, folder: Path, environment: dict[str, str]) -> list[Text]:
    """Return the lines that a command shows on a terminal."""
    parent, child = pty.openpty()
    variables = {
        **os.environ,
        **environment,
        "COLUMNS": str(COLUMNS),
        "LINES": str(ROWS),
        "TERM": "tmux-256color",  # of whose kind nobody asks questions
        "COLORTERM": "truecolor",
    }
    variables.pop("NO_COLOR", None)
    with subprocess.Popen(
        ["bash", "-c", command], cwd=folder, stdin=child, stdout=child, stderr=child, env=variables
    ) as process:
        os.close(child)
        shown = all_shown(parent)
    os.close(parent)
    if process.returncode:
        raise ValueError(f"{command}: ended with {process.returncode}: {shown.decode()}")
    return [Text.from_ansi(line, no_wrap=True) for line in shown.decode().replace("\r", "").splitlines()]


def _runs(text: Text) -> list[Run]:
    """Take a line apart where its style changes."""
    styles = [Style()] * len(text.plain)
    for span in text.spans:
        for place in range(span.start, min(span.end, len(styles))):
            styles[place] += span.style if isinstance(span.style, Style) else Style.parse(span.style)
    runs: list[Run] = []
    for column, (letter, style) in enumerate(zip(text.plain, styles, strict=True)):
        if runs and runs[-1].style == style:
            runs[-1] = runs[-1]._replace(text=runs[-1].text + letter)
        else:
            runs.append(Run(column, letter, style))
    return runs


def _document(lines: Sequence[Shown], total: float, commands: Sequence[str]) -> str:
    width, height = COLUMNS * CELL + 2 * MARGIN, ROWS * LINE + BAR + MARGIN
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "viewBox": f"0 0 {width:g} {height:g}",
            "xml:space": "preserve",  # for viewers that do not know white-space
        },
    )
    SubElement(root, "title").text = "A terminal: " + "; ".join(commands)
    style = SubElement(root, "style")
    _box(root, 0, 0, width, height, FRAME, rx="8")
    _box(root, 1, BAR, width - 2, height - BAR - 1, PAPER, rx="7")
    for number, colour in enumerate(("#f28b82", "#f5a94f", "#5fc983")):
        SubElement(root, "circle", {"cx": f"{18 + 18 * number}", "cy": "15", "r": "5.5", "fill": colour})
    clip = SubElement(SubElement(root, "defs"), "clipPath", {"id": "screen"})
    _box(clip, 0, BAR, width, ROWS * LINE + 4, "#000")
    scrolled = SubElement(SubElement(root, "g", {"clip-path": "url(#screen)"}), "g", {"class": "all"})
    for number, line in enumerate(lines):
        _add_line(scrolled, line, BAR + number * LINE)
    style.text = _rules(lines, total)
    return tostring(root, "unicode") + "\n"


def _rules(lines: Sequence[Shown], total: float) -> str:
    """Return what makes lines appear at their time, and the screen scroll."""
    rules = f"text{{font:{LETTERS}px {FONTS};white-space:pre}}"
    last_screen = f"{{transform:translateY({-LINE * max(0, len(lines) - ROWS):g}px)}}"
    moving, playing = "", f"{total:.2f}s step-end infinite"
    times = sorted({time for line in lines for time in _times(line)} - {0})
    for time in times:
        part = f"{100 * time / total:.3f}%"
        moving += f"@keyframes {_name(time)}{{0%{{opacity:0}}{part},100%{{opacity:1}}}}"
        moving += f".{_name(time)}{{animation:{_name(time)} {playing}}}"
    steps = "0%{transform:none}"
    for number, line in enumerate(lines):
        if number >= ROWS:
            steps += (
                f"{100 * line.time / total:.3f}%{{transform:translateY({-LINE * (number - ROWS + 1):g}px)}}"
            )
    moving += f"@keyframes scroll{{{steps}100%{last_screen}}}.all{{animation:scroll {playing}}}"
    return f"{rules}@media (prefers-reduced-motion:no-preference){{{moving}}}"


def _times(line: Shown) -> list[float]:
    """Return when the prompt and the words of a line appear: those of a command one after the other."""
    if not line.is_typed:
        return [line.time]
    command = line.runs[0].text.removeprefix(PROMPT)
    ends = [place for place, letter in enumerate(command) if letter == " "]
    typing = TYPING if line.time else 0
    return [line.time, *(line.time + typing * end for end in (*ends, len(command)))]


def _name(time: float) -> str:
    return f"t{round(time * 1000)}"


def _add_line(parent: Element, line: Shown, top: float) -> None:
    if line.is_typed:
        command = line.runs[0].text.removeprefix(PROMPT)
        first, *times = _times(line)
        _letters(_group(parent, first), 0, top, PROMPT, THEME.ansi_colors[2].hex)
        column = len(PROMPT)
        for word, time in zip(command.split(" "), times, strict=True):
            _letters(_group(parent, time), column, top, word, INK, bold=True)
            column += len(word) + 1
        return
    group = _group(parent, line.time)
    for run in line.runs:
        _add_run(group, run, top)


def _group(parent: Element, time: float) -> Element:
    return SubElement(parent, "g", {"class": _name(time)} if time else {})


def _add_run(group: Element, run: Run, top: float) -> None:
    """Draw letters over their ground; half blocks as boxes, which fonts draw with gaps."""
    ink, ground = _hex(run.style.color, INK), _hex(run.style.bgcolor, "")
    if run.style.reverse:
        ink, ground = ground or PAPER, ink
    left, width = MARGIN + run.column * CELL, len(run.text) * CELL
    if ground:
        _box(group, left, top, width, LINE, ground)
    if set(run.text) == {HALF}:
        _box(group, left, top, width, LINE / 2, ink)
    else:
        _letters(group, run.column, top, run.text, ink, bold=bool(run.style.bold))


def _hex(colour: Color | None, default: str) -> str:
    return default if colour is None or colour.is_default else colour.get_truecolor(THEME).hex


def _letters(parent: Element, column: int, top: float, text: str, ink: str, *, bold: bool = False) -> None:
    if not text.strip():
        return
    column += len(text) - len(text.lstrip())
    text = text.strip()
    place = {"x": f"{MARGIN + column * CELL:.6g}", "y": f"{top + LINE * 0.75:.6g}", "fill": ink}
    element = SubElement(parent, "text", place | {"textLength": f"{len(text) * CELL:.6g}"})
    if bold:
        element.set("font-weight", "bold")
    element.text = text


def _box(parent: Element, x: float, y: float, width: float, height: float, fill: str, **others: str) -> None:
    numbers = {"x": f"{x:.6g}", "y": f"{y:.6g}", "width": f"{width:.6g}", "height": f"{height:.6g}"}
    SubElement(parent, "rect", numbers | {"fill": fill, "shape-rendering": "crispEdges"} | others)
