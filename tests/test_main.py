"""The entry point, in this process: signals and exit codes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from io import BytesIO, TextIOWrapper

import pytest

from convcli import __main__ as entry
from convcli import __version__
from convcli.cli import boundary
from convcli.cli.output import Stopped
from tests.conftest import Runner

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGPIPE)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    entry._stopping.clear()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run the entry point with arguments and return the exit code."""

    def call(*arguments: str) -> object:
        monkeypatch.setattr(sys, "argv", ["convcli", *arguments])
        monkeypatch.setattr(os, "_exit", sys.exit)
        with pytest.raises(SystemExit) as ended:
            entry.main()
        return ended.value.code

    return call


def test_the_version_is_told_at_once(ends: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("--version") == 0
    assert capsys.readouterr() == (f"convcli {__version__}\n", "")


def test_a_command_line_is_run(ends: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("shape", "--n", "32", "--f", "5") == 0
    assert capsys.readouterr() == ("28x28\n", "")


def test_an_answer_that_is_lost_at_the_end_is_a_failure(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = TextIOWrapper(BytesIO())
    full.close()
    monkeypatch.setattr(sys, "stderr", full)
    assert ends("--version") == 1


def test_a_version_that_cannot_be_written_is_a_failure(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ends("--version") == 1
    assert capsys.readouterr().err == "convcli: standard output: is closed\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_passed_on_when_all_is_cleared_up(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    killed: list[tuple[int, int]] = []

    def interrupted(_: list[str]) -> int:
        handler = signal.getsignal(number)
        assert callable(handler)
        with pytest.raises(Stopped):
            handler(number, None)
        handler(signal.SIGINT, None)  # a second one changes nothing
        raise Stopped(number)

    monkeypatch.setattr(boundary, "run", interrupted)
    monkeypatch.setattr(os, "kill", lambda process, signal_number: killed.append((process, signal_number)))
    assert ends("filters") == 128 + number
    assert killed == [(os.getpid(), number)]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_an_ignored_signal_stays_ignored(ends: Callable[..., object]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert ends("--version") == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_closed_descriptors_are_taken_by_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    fstat = os.fstat

    def closed(descriptor: int) -> os.stat_result:
        if descriptor == 1:
            raise OSError
        return fstat(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", closed)
        patched.setattr(os, "open", lambda path, _: opened.append(path))
        entry._occupy_closed_descriptors()
    assert opened == [os.devnull]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MemoryError(), 1, "memory: there is not enough of it for this; take a smaller image or filter"),
        (SystemExit(3), 3, None),
        (SystemExit(None), 0, None),
    ],
)
def test_what_may_leave_a_command(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str | None
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr("convcli.cli.app.command", lambda: type("Root", (), {"main": staticmethod(failing)}))
    assert convcli("filters").all == (code, "", "" if line is None else f"convcli: {line}\n")


def test_a_reader_who_left_ends_a_help_page(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(**_: object) -> None:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            sys.exit(1)

    monkeypatch.setattr("convcli.cli.app.command", lambda: type("Root", (), {"main": staticmethod(left)}))
    with pytest.raises(Stopped) as stopped:
        convcli("--help")
    assert stopped.value.signal == signal.SIGPIPE


def test_an_unforeseen_error_is_not_hidden(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("convcli.cli.app.command", lambda: type("Root", (), {"main": staticmethod(failing)}))
    with pytest.raises(ZeroDivisionError):
        convcli("filters")


def test_without_standard_output_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        assert boundary.run(["--help"]) == 1
    assert capsys.readouterr().err == "convcli: standard output: is closed\n"
