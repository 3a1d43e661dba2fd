"""A page to play with as one self-contained HTML file."""

import json
from html import escape
from pathlib import Path
from string import Template
from xml.etree.ElementTree import tostring

from convcli.drawing.shapes import Ink, replace_unprintable
from convcli.drawing.svg import FONTS
from convcli.drawing.themes import theme_choice, theme_colors
from convcli.figures.page.playground import Playground

__all__ = ["playground_page"]

FOLDER = Path(__file__).parent
SCRIPTS = ("arithmetic.js", "views.js", "explanation.js", "page.js", "controls.js")
INKS = (
    Ink.PAPER, Ink.TEXT, Ink.FAINT, Ink.LINE, Ink.GRAY, Ink.RED, Ink.BLUE,
    Ink.STRONG_RED, Ink.STRONG_BLUE, Ink.STRONG_ORANGE, Ink.STRONG_GREEN,
)  # fmt: skip


def playground_page(playground: Playground) -> str:
    """Return the page as HTML that loads nothing else.

    Examples
    --------
    >>> import numpy as np
    >>> from convcli.figures.page.playground import as_kernel_choice
    >>> from convcli.kernels.lookup import get_filter
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6)
    >>> page = playground_page(
    ...     Playground(title="an edge", image=edge, choice=as_kernel_choice(get_filter("vertical")))
    ... )
    >>> page.splitlines()[0], "<title>an edge</title>" in page
    ('<!DOCTYPE html>', True)
    """
    data = json.dumps(playground.record(), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    colors = theme_colors({ink.value: ink for ink in INKS})
    return Template(_read("page.html")).substitute(
        title=_html(playground.title),
        subtitle=_html(playground.subtitle),
        notes=_html(" ".join(playground.notes)),
        style=colors + "\n" + _read("page.css").replace("FONTS", FONTS),
        themes=tostring(theme_choice(), "unicode", method="html"),
        script="\n".join(_without_comments(_read(name)) for name in SCRIPTS),
        data=data,
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _without_comments(script: str) -> str:
    """Return a script without its indentation and the lines that are comments, to keep pages small."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/**", "*")))


def _html(text: str) -> str:
    return escape(replace_unprintable(text))
