"""The pictures of README and of the pages in docs/, each made by the command that stands before it.

``python -m tests.support.doc_pictures`` makes them anew, ``python -m tests.support.doc_pictures gallery.png`` one of them. In the text of a page
stands, unseen by who reads it, ``<!-- made by: COMMAND -->`` and on the next line the picture; a recording of a
terminal says ``<!-- recorded:``, then a command a line.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support.recording import recorded

__all__ = ["FOLDER", "PAGES", "Made", "links", "made", "program_folder"]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDER = ROOT / "docs" / "pictures"
COMMENT = re.compile(r"<!-- (made by|recorded):\s(.*?)-->\n!\[[^\]]+\]\(([^)]+)\)", re.DOTALL)
LINK = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")


class Made(NamedTuple):
    """A picture of a page, and the commands by which it is made."""

    file: Path
    commands: tuple[str, ...]
    is_recording: bool

    def make(self) -> bytes:
        """Run the commands, in a folder of their own, and return the picture."""
        with TemporaryDirectory() as name, program_folder() as programs:
            folder = Path(name)
            shutil.copytree(ROOT / "sample_images", folder / "sample_images")
            environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
            if self.is_recording:
                return recorded(self.commands, folder, environment).encode()
            for command in self.commands:
                subprocess.run(
                    ["bash", "-c", command],
                    cwd=folder,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
            return (folder / self.file.name).read_bytes()


def made() -> Iterator[Made]:
    """Find the pictures that commands make."""
    for page in PAGES:
        for kind, text, link in COMMENT.findall(page.read_text("utf-8")):
            commands = (line.strip() for line in text.splitlines() if line.strip())
            yield Made((page.parent / link).resolve(), tuple(commands), kind == "recorded")


def links() -> list[Path]:
    """Return the files of all pictures of the pages."""
    return [
        (page.parent / link).resolve() for page in PAGES for link in LINK.findall(page.read_text("utf-8"))
    ]


@contextmanager
def program_folder() -> Iterator[str]:
    """Make a folder in which ``convcli`` is the program of this interpreter."""
    with TemporaryDirectory() as name:
        program = Path(name, "convcli")
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m convcli "$@"\n')
        program.chmod(0o755)
        yield name


def main() -> None:
    """Make the pictures that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    for one in made():
        if len(sys.argv) == 1 or one.file.name in sys.argv[1:]:
            one.file.write_bytes(one.make())
            print(one.file.relative_to(ROOT))


if __name__ == "__main__":
    main()
