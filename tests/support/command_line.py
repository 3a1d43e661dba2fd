"""How a command line ended, what must be true of it, and convcli run on a terminal of its own."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "sample_images"
SVG = "{http://www.w3.org/2000/svg}"  # before the names of elements, as ElementTree has them


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> tuple[int, str, str]:
        return self.code, self.out, self.err


Runner = Callable[..., Ran]


def assert_failed(ran: Ran, code: int, start: str) -> None:
    """Check a failure that printed nothing but one line, which starts so."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"convcli: {start}")
    assert ran.err.index("\n") == len(ran.err) - 1


def assert_refused(ran: Ran, start: str) -> None:
    """Check wrong usage: nothing printed but one line, which starts so."""
    assert_failed(ran, 2, start)


def contents(folder: Path) -> dict[str, object]:
    """Return every name in the folder, and what it holds or points to."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def run_shell(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which convcli is the program."""
    line = line.replace("convcli", f"{sys.executable} -m convcli")
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, timeout=60, check=False)


@contextmanager
def nothing_changes(folder: Path) -> Iterator[None]:
    """Check that every file in the folder stays what it is, and that none is added."""
    before = contents(folder)
    yield
    assert contents(folder) == before


def all_shown(parent: int) -> bytes:
    """Read what is written to a terminal until its other end is closed."""
    shown = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # how a terminal says that its other end is closed
            return shown
        if not part:
            return shown
        shown += part


def on_terminal(*arguments: object, columns: int = 80, **environment: str) -> Ran:
    """Run convcli as its own process with a terminal for standard input and output; returns what it shows."""
    parent, child = pty.openpty()
    variables = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment}
    command = [sys.executable, "-m", "convcli", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=subprocess.PIPE, env=variables
    ) as process:
        os.close(child)
        shown = all_shown(parent)
        err = process.stderr.read() if process.stderr else b""
    os.close(parent)
    return Ran(process.returncode, shown.decode().replace("\r\n", "\n"), err.decode())
