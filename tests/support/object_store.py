"""An object store and a web server on this machine, and a proxy that lets requests fail."""

import gc
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

__all__ = ["Fault", "Proxy", "Request", "await_requests", "own_clients", "serving", "store_environment"]

Fault = str
"""``503``; ``closed`` before it is answered; ``lost``: done, and not answered; ``cut``: half of the answer;
``stalled``: no answer; the text of an answer of status 403."""


class Request(NamedTuple):
    """A request that has come; the first has number 1."""

    number: int
    method: str
    path: str
    range: str | None


def no_fault(_: Request) -> None:
    """Let a request pass."""


class Proxy:
    """Passes requests on to a server, and counts them.

    Attributes
    ----------
    requests : list of Request
    fault : callable
        Takes a request and returns how it fails, or None.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault | None] = no_fault
        self.port = 0
        self.lock = threading.Lock()

    def reset(self) -> None:
        """Forget the requests, and let none fail."""
        self.requests = []
        self.fault = no_fault

    def count(self, method: str) -> int:
        """How many requests of a method have come."""
        return sum(request.method == method for request in self.requests)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self.lock:
            number = len(self.requests) + 1
            request = Request(number, handler.command, handler.path, handler.headers.get("Range"))
            self.requests.append(request)
        fault = self.fault(request)
        if fault in ("closed", "stalled"):
            if fault == "stalled":
                time.sleep(3)
            handler.close_connection = True
            return
        if fault not in (None, "lost", "cut"):
            handler.send_response(503 if fault == "503" else 403)
            handler.send_header("Content-Length", str(len(fault)))
            handler.end_headers()
            if handler.command != "HEAD":  # what is sent with it would be taken for the next answer
                handler.wfile.write(fault.encode())
            return
        connection = HTTPConnection(*self.target, timeout=30)
        connection.request(handler.command, handler.path, body, dict(handler.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault == "lost":
            handler.close_connection = True
            return
        handler.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                handler.send_header(name, value)
        length = answer.getheader("Content-Length") if handler.command == "HEAD" else len(content)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if fault == "cut":
            handler.close_connection = True
            content = content[: len(content) // 2]
        handler.wfile.write(content)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """Answer all requests on a port of this machine, which is yielded."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        try:
            answer(handler)
        except ConnectionError:  # the client has had enough
            handler.close_connection = True

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", handle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def store_environment(port: int) -> dict[str, str]:
    """Return the environment variables that make a port of this machine the S3 of a process."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def own_clients(port: int | None = None) -> Iterator[None]:
    """Let convcli make new clients, of the S3 at a port, that repeat requests without long pauses."""
    clients = importlib.import_module("convcli.files.remote.clients")
    made = clients._Clients()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ({} if port is None else store_environment(port)).items():
            patch.setenv(name, value)
        patch.setattr(clients, "_clients", made)
        patch.setattr(clients, "PAUSES", (0, 0, 0, 0))
        yield
    await_requests(made)
    for client in made._made.values():
        session = getattr(client, "_s3", None) or getattr(client, "_session", None)
        if session is not None:
            client.close_session(made._loop, session)
    made._made.clear()
    gc.collect()  # files that could not be opened close themselves in the loop
    made.pause()
    made._loop.close()


def await_requests(clients: Any = None) -> None:
    """Wait for what is fetched and nobody waits for."""
    clients = clients or importlib.import_module("convcli.files.remote.clients")._clients
    while clients.in_use.count:
        time.sleep(0.01)
