"""Text in pictures: Pillow's built-in font, with escapes for characters that it lacks."""

from functools import cache

from PIL import ImageFont

__all__ = ["drawable_text", "font", "wrap_text"]

MISSING_CHARACTER = "\U0010fffd"  # a private use character, which no text font has


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font, laid out identically on every machine."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # as for any explicit size
    return found.font_variant(layout_engine=ImageFont.Layout.BASIC)


@cache
def _is_drawn(char: str) -> bool:
    """Whether the font has a character; one that it lacks looks like a character that no font has."""
    letters = font(16)
    return char.isprintable() and bytes(letters.getmask(char)) != bytes(letters.getmask(MISSING_CHARACTER))


def drawable_text(text: str) -> str:
    """Return a text that the font can draw, with escapes for missing and invisible characters.

    Examples
    --------
    >>> drawable_text("naïve\\n")
    'na\\\\xefve\\\\n'
    """
    return "".join(char if _is_drawn(char) else char.encode("unicode_escape").decode() for char in text)


def wrap_text(text: str, size: int, width: int, *, max_lines: int) -> list[str]:
    """Break a text into at most `max_lines` lines of at most `width` pixels, at spaces if possible.

    If the text does not fit, the last line ends with an ellipsis.

    Examples
    --------
    >>> wrap_text("gain 4, of luma", 13, 60, max_lines=2)
    ['gain 4, of', 'luma']
    >>> wrap_text("a" * 100, 13, 60, max_lines=1)
    ['aaaaaaa…']
    """
    letters = font(size)
    lines: list[str] = []
    rest = drawable_text(text)
    while rest and len(lines) < max_lines:
        end = len(rest)
        if letters.getlength(rest) > width:
            end = next(
                (cut for cut in range(min(end, width), 1, -1) if letters.getlength(rest[:cut]) <= width), 1
            )
            space = rest.rfind(" ", 0, end + 1)
            end = space if space > 0 else end
        lines.append(rest[:end])
        rest = rest[end:].lstrip(" ")
    if rest:
        last = lines[-1]
        while last and letters.getlength(f"{last}…") > width:
            last = last[:-1]
        lines[-1] = f"{last}…"
    return lines
