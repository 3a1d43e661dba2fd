"""A process that has loaded convcli and forks for each run: a run costs milliseconds, not a third of a second.

What a child does is what a new process does from `convcli.__main__.main` on, but that all is loaded, also what a
run loads late: the system calls of a run are the same each time. Started by `running`; over a socket come
requests (JSON, with the three standard streams as descriptors), and back goes how the run ended.
"""

import contextlib
import io
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image

import convcli.__main__
import convcli.cli.commands.pool
import convcli.kernels.weights
import convcli.pipeline.recipes.banks
from convcli.cli import error_handling

LONGEST_REQUEST = 1 << 24


def warm_up() -> None:
    """Load what a run loads late: by a batch and by a single picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        names = [f"{folder}/a.png", f"{folder}/b.png"]
        for name in names:
            Image.new("L", (9, 9)).save(name)
        error_handling.run(["apply", *names, "--filter", "box", "--out-dir", f"{folder}/out", "-j", "2"])
        error_handling.run(["apply", names[0], "--filter", "box", "-o", f"{folder}/c.png"])


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
        if not message:
            return
        length = int.from_bytes(message)
        request = b""
        while len(request) < length:
            request += connection.recv(min(length - len(request), 1 << 16))
        answer = json.dumps(ended(json.loads(request), descriptors)).encode()
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(len(answer).to_bytes(4) + answer)


def ended(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Run one command line in a child, and return its wait status, processor time and peak memory.

    It has ended when its tracer has too, if it has one, and so all that it has started. After `seconds` all are
    killed, and `late` is true.
    """
    traced, tracing = os.pipe()
    child = os.fork()
    if child == 0:
        run(request, descriptors, tracing)
    os.close(tracing)
    watch = os.pidfd_open(child)
    late = not all(select.select([end], [], [], request["seconds"])[0] for end in (watch, traced))
    os.close(watch)
    os.close(traced)
    if late:
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {
        "status": status,
        "seconds": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
        "late": late,
    }


def run(request: dict[str, Any], descriptors: list[int], tracing: int) -> NoReturn:
    """Become the process that was asked for; `tracing` is a descriptor that its tracer alone keeps open."""
    os.setpgid(0, 0)
    os.chdir(os.fsdecode(bytes.fromhex(request["folder"])))
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    if request["tracer"]:
        os.dup2(tracing, 3)
    os.closerange(4 if request["tracer"] else 3, 64)
    for name, value in request["environment"].items():
        os.environ[name] = value
    sys.stdin, sys.stdout, sys.stderr = (stream(number) for number in range(3))
    sys.argv = ["convcli", *(os.fsdecode(bytes.fromhex(word)) for word in request["arguments"])]
    for name, limit in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    if request["user"] is not None:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])
    if request["tracer"]:
        trace(request["tracer"], 3)
    try:
        convcli.__main__.main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(99)  # `main` ends the process itself


def trace(options: list[str], tracing: int) -> None:
    """Have strace look at this process, which only waits, for a helper: strace is no child of it."""
    traced = os.getpid()
    helper = os.fork()
    if helper == 0:
        while Path(f"/proc/{traced}/fd/{tracing}").is_symlink():  # or its closing would be the first call
            time.sleep(0.002)
        command = ["strace", "-f", "-qq", *options, "-p", str(traced)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[tracing])
        while "TracerPid:\t0\n" in Path(f"/proc/{traced}/status").read_text("utf-8"):
            time.sleep(0.002)
        os._exit(0)
    os.close(tracing)
    os.waitpid(helper, 0)


def stream(number: int) -> io.TextIOWrapper:
    """Open a standard stream as Python does at its start."""
    raw = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115 -- stays open
    errors = "backslashreplace" if number == 2 else "surrogateescape"
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=raw.isatty() or number == 2)


if __name__ == "__main__":
    warm_up()
    serve(socket.socket(fileno=int(sys.argv[1])))
