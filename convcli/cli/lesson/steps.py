"""The steps of the lesson, read from ``lesson.md`` beside this module; docs/lesson.md is made of it, too."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from convcli.errors import UsageError

__all__ = [
    "FENCE",
    "PICTURE",
    "Commands",
    "Paragraph",
    "Picture",
    "Question",
    "Step",
    "find_step",
    "read_steps",
    "source_blocks",
]

SOURCE = Path(__file__).with_name("lesson.md")
HEADING = re.compile(r"## (\d+)\. (.+)")
PICTURE = re.compile(r"!\[([^\]]+)\]\((.+)\)")
FENCE = "```"
ASK = "**Ask:** "
FOLD, UNFOLD = "<details><summary>Answer</summary>", "</details>"


class Paragraph(NamedTuple):
    """A paragraph of plain text."""

    text: str


class Commands(NamedTuple):
    """Command lines that are run one after the other."""

    lines: list[str]


class Picture(NamedTuple):
    """A picture that a command of the step writes; only the page shows it."""

    description: str
    link: str


class Question(NamedTuple):
    """A question to ask the class, and its answer."""

    text: str
    answer: str


Part = Paragraph | Commands | Picture | Question


class Step(NamedTuple):
    """A step of the lesson: its number, counted from 1, its title, and its parts in their order."""

    number: int
    title: str
    parts: list[Part]

    @property
    def commands(self) -> list[str]:
        """The command lines of the step."""
        return [line for part in self.parts if isinstance(part, Commands) for line in part.lines]

    @property
    def questions(self) -> list[Question]:
        """The questions of the step."""
        return [part for part in self.parts if isinstance(part, Question)]

    @property
    def text(self) -> str:
        """The paragraphs of the step."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, Paragraph))


def source_blocks() -> list[str]:
    """Return the blocks of the lesson's source, which is Markdown; blank lines are between them.

    Examples
    --------
    >>> source_blocks()[0]
    '# A lesson in convolution'
    """
    return SOURCE.read_text("utf-8").strip().split("\n\n")


def read_steps() -> list[Step]:
    """Read the steps of the lesson.

    Examples
    --------
    >>> step = read_steps()[0]
    >>> step.number, step.commands[0]
    (1, 'convcli filters sobel-x --tuning')
    """
    steps: list[Step] = []
    blocks = iter(source_blocks())
    for block in blocks:
        heading = HEADING.fullmatch(block)
        if heading:
            steps.append(Step(int(heading[1]), heading[2], []))
        elif steps:
            steps[-1].parts.append(_read_part(block, blocks))
    return steps


def _read_part(block: str, following: Iterator[str]) -> Part:
    """Read a part of a step; that of a question takes its answer from the blocks that follow."""
    if block.startswith(FENCE):
        return Commands(block.splitlines()[1:-1])
    picture = PICTURE.fullmatch(block)
    if picture:
        return Picture(picture[1], picture[2])
    if not block.startswith(ASK):
        return Paragraph(_plain(block))
    fold, answer, unfold = next(following), next(following), next(following)
    assert (fold, unfold) == (FOLD, UNFOLD)
    return Question(_plain(block.removeprefix(ASK)), _plain(answer))


def _plain(markdown: str) -> str:
    """Return a paragraph without marks of Markdown, on one line."""
    return " ".join(re.sub(r"`|\*\*", "", markdown).split())


def find_step(text: str) -> Step:
    """Return the step with the number that a user gave.

    Raises
    ------
    UsageError
        There is none.

    Examples
    --------
    >>> find_step("2").title
    'The millions of a dense layer'
    """
    steps = read_steps()
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= len(steps):
        raise UsageError(
            f"step {text[:50]!r}",
            f"must be a whole number from 1 to {len(steps)}; convcli lesson lists the steps",
        )
    return steps[int(text) - 1]
