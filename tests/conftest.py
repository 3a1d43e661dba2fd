"""Options and fixtures of all tests: which cases run, and the command line run in this process."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

from convcli import parallel
from convcli.cli.error_handling import run
from tests.support.command_line import Ran, Runner
from tests.support.engines import NEEDS_CORE, Engine, use_engine
from tests.support.extras import hide_extra

# Hundreds of tests start convcli, and without compiled modules each start takes four times as long.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Dask sets these for the processes that it starts and leaves them; malloc then holds less than it does for a user.
LEFT_BY_DASK = (
    {"MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} - os.environ.keys()
)  # fmt: skip

settings.register_profile("quick", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=100)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also run the tests that take minutes: a fault at each system call, 7,000 damaged files, "
        "four times as many random examples",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the thorough tests, but for a sample of their cases, unless the command line asks for them."""
    for item in items:
        marked = item.get_closest_marker("thorough") is not None
        if not marked and is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.thorough(every=1))  # with more random examples
    if config.getoption("--thorough"):
        return
    cases: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("thorough")
        test = item.nodeid.partition("[")[0]
        in_sample = marker is None or ("every" in marker.kwargs and _is_chosen(cases[test], **marker.kwargs))
        cases[test] += 1
        (kept if in_sample else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def _is_chosen(case: int, every: int) -> bool:
    """Whether a sample has a case: one of so many, each at another place, as one place may always be one value."""
    block, place = divmod(case, every)
    return place == block % every


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run a few named test files in one process, which starts faster than a process per core."""
    names = [name.partition("::")[0] for name in config.args]
    return 0 if len(names) <= 3 and all(Path(name).is_file() for name in names) else None


@pytest.fixture(autouse=True)
def no_idle_threads() -> None:
    """Begin without threads that wait for work, so that a test knows which are started."""
    parallel._Worker.end_idle()


@pytest.fixture(autouse=True)
def no_variables_of_dask() -> Iterator[None]:
    """End without the variables that a cluster of Dask leaves, so that no test depends on those before it."""
    yield
    for name in LEFT_BY_DASK:
        os.environ.pop(name, None)


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
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the packages of the extra convcli[deep]."""
    hide_extra(monkeypatch)


@pytest.fixture
def compiled_engine() -> Iterator[None]:
    """Let the compiled core compute, whatever CONVCLI_PURE says."""
    with use_engine(Engine.COMPILED):
        yield


@pytest.fixture(params=[pytest.param(Engine.COMPILED, marks=NEEDS_CORE), Engine.NUMPY])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run the test with each engine; `tests.support.engines` has them for tests of one, and for Hypothesis."""
    with use_engine(request.param):
        yield request.param


@pytest.fixture
def numpy_engine() -> Iterator[None]:
    """Run the test with numpy, as without the compiled core."""
    with use_engine(Engine.NUMPY):
        yield


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
