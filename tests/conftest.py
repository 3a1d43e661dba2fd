"""What all tests share: the command line run in this process, and in a terminal of its own."""

import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from convcli.cli.error_handling import run

settings.register_profile("quick", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=100)

SAMPLES = Path(__file__).parent.parent / "sample_images"
SVG = "{http://www.w3.org/2000/svg}"  # before the names of elements, as ElementTree has them


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also run the tests that take minutes: a fault at every system call, 11,000 damaged files, "
        "four times as many random examples",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the thorough tests, but for a sample of their cases, unless the command line asks for them."""
    if config.getoption("--thorough"):
        return
    cases: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("thorough")
        test = item.nodeid.partition("[")[0]
        in_sample = marker is None or ("every" in marker.kwargs and cases[test] % marker.kwargs["every"] == 0)
        cases[test] += 1
        (kept if in_sample else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run a few named test files in one process, which starts faster than a process per core."""
    names = [name.partition("::")[0] for name in config.args]
    return 0 if len(names) <= 3 and all(Path(name).is_file() for name in names) else None


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


@contextmanager
def nothing_changes(folder: Path) -> Iterator[None]:
    """Check that every file in the folder stays what it is, and that none is added."""
    before = contents(folder)
    yield
    assert contents(folder) == before


@pytest.fixture
def convcli(capsys: pytest.CaptureFixture[str]) -> Runner:
    """Run a command line in this process; standard output is no terminal."""

    def call(*arguments: object) -> Ran:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def terminal(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run a command line in this process as if standard output were a terminal of so many columns, in one colour."""

    def call(*arguments: object, columns: int = 120) -> Ran:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        return convcli(*arguments)

    return call


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
