"""docs/lesson.md, made of the lesson's source and of what its commands print on a terminal of 80 columns.

``python -m tests.support.lesson_page`` makes it anew.
"""

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from convcli.cli.commands.lesson import run_command
from convcli.cli.lesson.steps import FENCE, PICTURE, source_blocks
from convcli.cli.terminal.output import wrapped

__all__ = ["PAGE", "lesson_page", "shown_by"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lesson.md"
MESSAGE = "convcli: "  # how messages begin; without a terminal on standard error they are not wrapped
TERMINAL = {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1"}


class Screen(TextIOWrapper):
    """A terminal's memory of what was written to it."""

    def isatty(self) -> bool:
        return True


def shown_by(line: str) -> str:
    """Run a command of the lesson in this process and return what a terminal of one color shows."""
    content = BytesIO()
    screen, messages = Screen(content, "utf-8"), TextIOWrapper(content, "utf-8")
    with patch.dict(os.environ, TERMINAL), redirect_stdout(screen), redirect_stderr(messages):
        code = run_command(line, force=False)
    shown = content.getvalue().decode()
    messages.detach()
    assert code == 0, f"{line}: {shown}"
    return "".join(
        wrapped(one, indent="  ", columns=80) if MESSAGE in one else one for one in shown.splitlines(True)
    )


def lesson_page() -> str:
    """Return the page: the source, the output of each command below it, and how each picture is made."""
    with TemporaryDirectory() as folder, chdir(folder):
        shutil.copytree(ROOT / "sample_images", "sample_images")
        return "\n\n".join(_blocks()) + "\n"


def _blocks() -> Iterator[str]:
    lines: list[str] = []
    for block in source_blocks():
        picture = PICTURE.fullmatch(block)
        if block.startswith(FENCE):
            lines = block.splitlines()[1:-1]
            yield from (f"{FENCE}\n{line}\n{FENCE}\n\n{FENCE}text\n{shown_by(line)}{FENCE}" for line in lines)
        elif picture:
            yield f"{_made_by(lines, Path(picture[2]).name)}\n{block}"
        else:
            yield block


def _made_by(lines: list[str], name: str) -> str:
    """Return the comment from which `tests.support.doc_pictures` learns how to make a picture."""
    (writing,) = (line for line in lines if shlex.split(line)[-1] == name)
    words = shlex.split(writing)
    needed = [line for line in lines if line != writing and " -o " in line and shlex.split(line)[-1] in words]
    if not needed:
        return f"<!-- made by: {writing} -->"
    return "\n".join(["<!-- made by:", *needed, writing, "-->"])


if __name__ == "__main__":
    PAGE.write_text(lesson_page(), "utf-8")
