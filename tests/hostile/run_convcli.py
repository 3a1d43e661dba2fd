"""Convcli is run, and whatever happens these hold.

It ends in time by a code that means something or by the signal that was sent; it prints no traceback, and
nothing to standard error but lines of its own; where it fails it changes no file; it leaves no temporary.
"""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, Literal

from tests.support.command_line import contents

__all__ = [
    "CONVCLI",
    "PATHS",
    "ROOT",
    "Ended",
    "Nursery",
    "assert_done",
    "assert_refused_with",
    "assert_whole",
    "changed",
    "terminal",
]

SECONDS = 60.0  # on a machine that is busy with other things
ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": str(ROOT)}  # what a process of its own imports convcli and these tests from
CONVCLI = [sys.executable, "-m", "convcli"]
ENDINGS = {0, 1, 2, -signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGPIPE}
Word = str | bytes | Path | int


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    code : int
        Negative: the signal that ended it.
    out, err : bytes
    seconds : float
        Of processor time.
    peak : int
        Bytes; what had been loaded before counts.
    changed : frozenset of str
        Names of files that are new, or not what they were, below the folder that it ran in.
    """

    code: int
    out: bytes
    err: bytes
    seconds: float
    peak: int
    changed: frozenset[str]

    @property
    def message(self) -> str:
        """The one line of standard error, without ``convcli: ``."""
        lines = self.err.decode().splitlines()
        assert len(lines) == 1, self
        return lines[0].removeprefix("convcli: ")

    @property
    def printed(self) -> list[str]:
        return self.out.decode("utf-8", "surrogateescape").splitlines()


class Nursery:
    """Runs convcli in children of a process that has loaded it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.nursery", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def close(self) -> None:
        self._socket.close()
        self.process.wait()

    def __call__(self, *arguments: Word, changes: bool = False, **how: Any) -> Ended:
        """Run a command line as `run` does, and check what holds of every run.

        Parameters
        ----------
        changes : bool
            Files may change although it fails: of a batch some are made.
        """
        ended = self.run(*arguments, **how)
        assert_whole(ended, changes=changes)
        return ended

    def run(
        self,
        *arguments: Word,
        stdin: bytes | int | BinaryIO | None = None,
        stdout: int | BinaryIO | None = None,
        stderr: int | BinaryIO | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limits: Mapping[Literal["RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU"], int]
        | None = None,
        user: int | None = None,
        seconds: float = SECONDS,
        tracer: Sequence[str] = (),
    ) -> Ended:
        """Run a command line; nothing is checked but that it ends in time.

        Parameters
        ----------
        stdin : bytes, descriptor or file, optional
            Nothing at all unless given (/dev/null).
        stdout, stderr : descriptor or file, optional
            In place of a file whose content is returned.
        folder : Path, optional
            Where it runs; here unless given.
        limits : mapping, optional
            Of resources, for the run alone.
        user : int, optional
            Whose rights it has (65534 has none); for tests that run as root.
        seconds : float
            How long it may take.
        tracer : sequence of str
            Options of strace, under which it then runs: ``-e inject=fsync:error=EIO:when=2``. They must hold
            ``-o FILE``, for what strace writes would stand in standard error; the path of ``-P`` is absolute.
            The first ``wait4`` is that of the nursery.
        """
        folder = Path.cwd() if folder is None else folder
        before = contents(folder)
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            if isinstance(stdin, bytes):
                files[0].write(stdin)
                files[0].seek(0)
            nothing = stack.enter_context(open(os.devnull, "rb"))  # noqa: PTH123 -- no path of this project
            streams: list[Any] = [
                files[0] if isinstance(stdin, bytes) else nothing if stdin is None else stdin,
                files[1] if stdout is None else stdout,
                files[2] if stderr is None else stderr,
            ]
            request = {
                "arguments": [os.fsencode(_text(word)).hex() for word in arguments],
                "folder": os.fsencode(folder).hex(),
                "environment": dict(environment or {}),
                "limits": dict(limits or {}),
                "user": user,
                "seconds": seconds,
                "tracer": list(tracer),
            }
            answer = self._asked(request, streams)
            for file in files:
                file.seek(0)
            out, err = files[1].read(), files[2].read()
        status = answer["status"]
        others = changed(before, contents(folder))
        ended = Ended(os.waitstatus_to_exitcode(status), out, err, answer["seconds"], answer["peak"], others)
        assert not answer["late"], f"took more than {seconds} s: {ended}"
        return ended

    def _asked(self, request: object, streams: list[Any]) -> dict[str, Any]:
        message = json.dumps(request).encode()
        numbers = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
        socket.send_fds(self._socket, [len(message).to_bytes(4)], numbers)
        self._socket.sendall(message)
        length = int.from_bytes(self._socket.recv(4, socket.MSG_WAITALL))
        answer: dict[str, Any] = json.loads(self._socket.recv(length, socket.MSG_WAITALL))
        return answer


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    """Return the names of files that are new, gone, or not what they were."""
    names = before.keys() | after.keys()
    return frozenset(name for name in names if before.get(name, 0) != after.get(name, 0))


def _text(word: Word) -> str:
    return os.fsdecode(word) if isinstance(word, bytes) else str(word)


def assert_whole(ended: Ended, *, changes: bool = False) -> None:
    """Check what holds of every run."""
    assert ended.code in ENDINGS, ended
    assert b"Traceback" not in ended.err, ended
    assert b"internal error" not in ended.err, ended
    for line in ended.err.splitlines():
        assert line.startswith(b"convcli: "), ended
        assert line.decode().isprintable(), ended
    assert not any(".convcli-" in name for name in ended.changed), ended
    if ended.code and not changes:
        assert not ended.changed, ended


def assert_refused_with(ended: Ended, code: int, start: str, why: str = "") -> None:
    """Check a failure: nothing printed but one line, which starts so and holds why."""
    assert (ended.code, ended.out) == (code, b""), ended
    assert ended.message.startswith(start), ended
    assert why in ended.message, ended


def assert_done(ended: Ended, *outputs: str) -> None:
    """Check a success without a word: these outputs, and no other change."""
    assert (ended.code, ended.err) == (0, b""), ended
    assert ended.changed == set(outputs), ended


@contextmanager
def terminal() -> Iterator[tuple[int, bytearray]]:
    """Give a terminal, and what is written to it."""
    parent, child = pty.openpty()
    shown = bytearray()

    def collect() -> None:
        while True:
            try:
                shown.extend(os.read(parent, 65536))
            except OSError:  # how a terminal says that its other end is closed
                return

    reading = Thread(target=collect)
    reading.start()
    try:
        yield child, shown
    finally:
        os.close(child)
        reading.join(SECONDS)
        os.close(parent)
