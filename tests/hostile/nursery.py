"""A process that has loaded convcli and forks for each run: a run costs milliseconds, not a third of a second.

What a child does is what a new process does from `convcli.__main__.main` on. Started by `running`; over a
socket come requests (JSON, with the three standard streams as descriptors), and back goes how the run ended.
"""

import io
import json
import multiprocessing.connection  # noqa: F401 -- to be there, where a run may not read it
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import convcli.__main__
import convcli.cli.app
import convcli.cli.apply
import convcli.cli.banks
import convcli.cli.batch
import convcli.cli.filtering
import convcli.cli.pool
import convcli.weights

LONGEST_REQUEST = 1 << 24


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
    """Run one command line in a child, and return its wait status and peak memory.

    After `seconds` it is killed with all that it has started, and `late` is true.
    """
    child = os.fork()
    if child == 0:
        run(request, descriptors)
    watch = os.pidfd_open(child)
    late = not select.select([watch], [], [], request["seconds"])[0]
    os.close(watch)
    if late:
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {"status": status, "peak": usage.ru_maxrss * 1024, "late": late}


def run(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Become the process that was asked for."""
    os.setpgid(0, 0)
    os.chdir(os.fsdecode(bytes.fromhex(request["folder"])))
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 64)
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
        trace(request["tracer"])
    try:
        convcli.__main__.main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(99)  # `main` ends the process itself


def trace(options: list[str]) -> None:
    """Have strace look at this process, and wait until it does."""
    subprocess.Popen(["strace", "-f", "-qq", *options, "-p", str(os.getpid())], stdin=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text("utf-8"):
        time.sleep(0.002)


def stream(number: int) -> io.TextIOWrapper:
    """Open a standard stream as Python does at its start."""
    raw = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115 -- stays open
    errors = "backslashreplace" if number == 2 else "surrogateescape"
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=raw.isatty() or number == 2)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
