"""Text in pictures: escapes for characters that the font lacks, and lines no longer than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.drawing.fonts import drawable_text, font, wrap_text

BOX = bytes(font(16).getmask("\U0010fffd"))  # what stands for a character that no font has


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("sobel-x: -765 to 812 (°±…)", "sobel-x: -765 to 812 (°±…)"),
        ("日本", "\\u65e5\\u672c"),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("\u202egpj", "\\u202egpj"),
        ("\U0001f408", "\\U0001f408"),
        ("\udcff", "\\udcff"),
        ("", ""),
    ],
)
def test_characters_that_the_font_lacks_are_escaped(text: str, drawn: str) -> None:
    assert drawable_text(text) == drawn


@given(st.text(max_size=20))
def test_no_empty_box_is_drawn(text: str) -> None:
    assert all(bytes(font(16).getmask(char)) != BOX for char in drawable_text(text))


@given(st.text("ab W-日", max_size=80), st.integers(12, 300), st.integers(1, 4))
def test_lines_fit_and_only_an_ellipsis_replaces_text(text: str, width: int, most: int) -> None:
    lines = wrap_text(text, 13, width, max_lines=most)
    assert len(lines) <= most
    assert all(font(13).getlength(line) <= width for line in lines if len(line) > 1)
    shown = "".join(lines).replace(" ", "")
    wanted = drawable_text(text).replace(" ", "")
    if lines and lines[-1].endswith("…"):
        assert wanted.startswith(shown.removesuffix("…"))
    else:
        assert shown == wanted


def test_lines_break_at_spaces() -> None:
    assert wrap_text("gain 4, of luma", 13, 60, max_lines=3) == ["gain 4, of", "luma"]
