"""The pictures of README and docs/ are what the tool makes today."""

import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.support.command_line import SVG
from tests.support.doc_pictures import FOLDER, PAGES, Made, links, made

ALL = list(dict.fromkeys(made()))
MOST_BYTES = 1_000_000  # of a picture: a page should load at once
LETTERS_MAY_DIFFER = 0.02  # part of the pixels that another version of a font may draw otherwise


def test_every_picture_of_a_page_is_made_by_a_command_and_every_file_is_on_a_page() -> None:
    assert [one.file for one in made()] == links()
    assert sorted(one.file for one in ALL) == sorted(FOLDER.iterdir())  # each made by one command


def test_there_are_seven_pages_besides_readme() -> None:
    assert [page.name for page in PAGES] == [
        "README.md",
        "architecture.md",
        "filters.md",
        "layers.md",
        "lesson.md",
        "python.md",
        "scale.md",
        "scripts.md",
    ]


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("one", ALL, ids=[one.file.name for one in ALL])
def test_a_picture_is_current(one: Made) -> None:
    """``python -m tests.support.doc_pictures`` makes it anew, if this fails."""
    kept, anew = one.file.read_bytes(), one.make()
    assert len(kept) < MOST_BYTES
    if one.file.suffix == ".svg":
        ElementTree.fromstring(anew)
        assert kept.decode() == anew.decode()
        return
    before, after = frames(kept), frames(anew)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert old.shape == new.shape
        assert (abs(old - new).max(axis=2) > 8).mean() <= LETTERS_MAY_DIFFER


def test_a_recording_shows_its_first_command_and_answer_at_every_moment_and_without_animation() -> None:
    """Stills of it are taken at the beginning, at any time, or by viewers that know no animation."""
    root = ElementTree.parse(FOLDER / "terminal.svg").getroot()
    screen = next(group for group in root.iter(f"{SVG}g") if group.get("class") == "all")
    steady = [group for group in screen if group.get("class") is None]
    words = [text.text for group in steady for text in group.iter(f"{SVG}text")]
    assert words[:2] == ["$", "convcli"]
    boxes = [box for group in steady for box in group.iter(f"{SVG}rect")]
    assert len(boxes) > 1000  # the picture that the first command previews
    style = root.findtext(f"{SVG}style", "")
    still, _, moving = style.partition("@media (prefers-reduced-motion:no-preference)")
    assert "opacity" not in still
    assert "transform" not in still
    assert "@keyframes scroll{0%{transform:none}" in moving
    assert "s step-end infinite" in moving  # which starts at its beginning


def frames(content: bytes) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    with Image.open(BytesIO(content)) as image:
        return [np.asarray(frame.convert("RGB"), np.int16) for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_between_pages_lead_to_files(page: Path) -> None:
    text = page.read_text("utf-8")
    for link, heading in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link
        if heading:
            target = page if not link else page.parent / link
            titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading.removeprefix("#") in anchors
