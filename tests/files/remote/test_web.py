"""Objects on web servers, with and without ranges: the whole bytes, few requests, bounded repetition."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from convcli.files.opening import open_input
from tests.support.command_line import Runner, assert_failed, assert_refused
from tests.support.object_store import await_requests, own_clients, serving

pytest.importorskip("aiohttp", reason="the extra cloud is not installed")

CONTENT = np.random.default_rng(5).bytes(50_000)
SIGNED = "X-Amz-Signature=0a%2Fb+c&x=/../"
BLOCK = 1 << 13


class Server:
    """What a server holds, and how it answers.

    Attributes
    ----------
    objects : dict
        What it holds, by path.
    ranges : bool
        Whether it sends parts.
    surplus : int
        How many bytes it sends beyond a part.
    tag : str
        Its name for a version of an object.
    statuses : list of int
        Of the next answers, before it answers well; 0 closes the connection.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.ranges = True
        self.surplus = 0
        self.tag = '"1"'
        self.statuses: list[int] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append((handler.command, handler.path, asked))
        status = self.statuses.pop(0) if self.statuses else 200
        content = self.objects.get(handler.path)
        if status == 0:
            handler.close_connection = True
            return
        if status == 200 and content is None:
            status = 404
        if status != 200 or content is None:
            handler.send_response_only(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        whole, length = content, str(len(content))
        is_old = handler.headers.get("If-Range", self.tag) != self.tag
        if asked is not None and self.ranges and not is_old:
            start, end = map(int, asked.removeprefix("bytes=").split("-"))
            status, content = 206, whole[start : end + 1] + bytes(self.surplus)
        handler.send_response_only(status)
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{min(end, len(whole) - 1)}/{length}")
        handler.send_header("ETag", self.tag)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(content)


@pytest.fixture(scope="module")
def clients() -> Iterator[None]:
    with own_clients():
        yield


@pytest.fixture
def server(clients: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:  # noqa: ARG001
    monkeypatch.setattr("convcli.files.remote.reading.BLOCK", BLOCK)
    made = Server()
    with serving(made.answer) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made
        await_requests()


def read_all(url: str) -> bytes:
    with open_input(url) as stream:
        return stream.read()


def read_by_parts(url: str) -> bytes:
    with open_input(url) as stream:
        return b"".join(iter(partial(stream.read, 3000), b""))


def test_a_small_object_takes_one_request(server: Server) -> None:
    server.objects["/a"] = CONTENT[:100]
    assert read_all(f"{server.url}/a") == CONTENT[:100]
    assert server.requests == [("GET", "/a", None)]


def test_an_empty_object(server: Server) -> None:
    server.objects["/a"] = b""
    assert read_all(f"{server.url}/a") == b""


@pytest.mark.parametrize("read", [read_all, read_by_parts])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("length", [BLOCK - 1, BLOCK, BLOCK + 1, 50_000])
def test_a_large_object_is_read_whole(
    server: Server, read: Callable[[str], bytes], ranges: bool, length: int
) -> None:
    server.objects["/a"], server.ranges = CONTENT[:length], ranges
    assert read(f"{server.url}/a") == CONTENT[:length]


def test_parts_of_a_large_object_are_fetched_where_they_are_read(server: Server) -> None:
    server.objects["/a"] = CONTENT
    with open_input(f"{server.url}/a") as stream:
        assert stream.seekable()
        assert stream.seek(0, io.SEEK_END) == len(CONTENT)
        stream.seek(-10, io.SEEK_END)
        assert stream.read() == CONTENT[-10:]
    asked = {range for _, _, range in server.requests if range is not None}
    assert len(asked) <= 3
    assert len(server.requests) <= 6


def test_a_server_that_sends_more_than_was_asked_for(server: Server) -> None:
    server.objects["/a"], server.surplus = CONTENT, 5_000_000
    assert read_by_parts(f"{server.url}/a") == CONTENT


def test_an_object_that_changes_while_it_is_read(server: Server) -> None:
    server.objects["/a"] = CONTENT
    with open_input(f"{server.url}/a") as stream:
        assert stream.read(10) == CONTENT[:10]
        server.objects["/a"], server.tag = CONTENT[::-1], '"2"'
        with pytest.raises(OSError, match=r"^has changed while it was read; try again$"):
            stream.read()


def test_no_more_than_a_limit_is_fetched_from_a_server_without_ranges(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.objects["/a"], server.ranges = CONTENT, False
    monkeypatch.setattr("convcli.files.remote.web.MAX_DOWNLOADED", len(CONTENT))
    assert read_all(f"{server.url}/a") == CONTENT
    monkeypatch.setattr("convcli.files.remote.web.MAX_DOWNLOADED", len(CONTENT) - 1)
    with pytest.raises(OSError, match=r"^is longer than 49999 bytes, and its server sends only the whole$"):
        open_input(f"{server.url}/a")


def test_a_signature_is_sent_as_it_is(server: Server) -> None:
    path = f"/a%20b/%C3%BC.png?{SIGNED}"
    server.objects[path] = b"signed"
    assert read_all(f"{server.url}{path}") == b"signed"
    server.objects["/a%20b/%C3%BC.png"] = b"typed"
    assert read_all(f"{server.url}/a b/ü.png") == b"typed"


@pytest.mark.parametrize("statuses", [[503], [429, 500, 502, 504], [0, 0, 0]])
def test_a_failure_that_passes_is_not_noticed(server: Server, statuses: list[int]) -> None:
    server.objects["/a"] = CONTENT[:100]
    server.statuses = statuses
    assert read_all(f"{server.url}/a") == CONTENT[:100]


def test_failures_in_a_large_object_are_not_noticed(server: Server) -> None:
    server.objects["/a"] = CONTENT
    with open_input(f"{server.url}/a") as stream:
        start = stream.read(100)
        server.statuses = [503, 0, 503]
        assert start + stream.read() == CONTENT


@pytest.mark.parametrize(
    ("status", "why", "tries"),
    [
        (404, "there is no such object", 1),
        (403, "access is denied: Forbidden; check the credentials, or ask for a new link", 1),
        (418, "the server answers 418: I'm a Teapot", 1),
        (503, "the server answers 503 (tried 5 times): Service Unavailable", 5),
    ],
)
def test_failures_that_stay_are_described_without_secrets(
    convcli: Runner, server: Server, tmp_path: Path, status: int, why: str, tries: int
) -> None:
    server.statuses = [status] * 100
    url = server.url.replace("http://", "http://me:secret@")
    ran = convcli("apply", f"{url}/cat.png?{SIGNED}", "--filter", "box", "-o", tmp_path / "x.png")
    assert_failed(ran, 1, f"{server.url.replace('http://', 'http://***@')}/cat.png?***: {why}\n")
    assert len(server.requests) == tries


@pytest.mark.usefixtures("clients")
def test_no_server(convcli: Runner, tmp_path: Path) -> None:
    with serving(lambda _: None) as port:
        pass
    ran = convcli("apply", f"http://127.0.0.1:{port}/x?t=secret", "--filter", "box", "-o", tmp_path / "x.png")
    assert_failed(
        ran, 1, f"http://127.0.0.1:{port}/x?***: the connection fails (tried 5 times): Connect call failed"
    )
    assert "secret" not in ran.err


def test_names_of_results_come_from_the_path(convcli: Runner, server: Server, in_folder: Path) -> None:
    server.objects[f"/a/my%20cat.csv?{SIGNED}"] = b"1 2\n3 4\n"
    ran = convcli(
        "apply", f"{server.url}/a/my%20cat.csv?{SIGNED}", "--filter", "box", "--out-dir", "out", "--json"
    )
    assert (ran.code, ran.err) == (0, "")
    assert '"input": "' + f'{server.url}/a/my%20cat.csv?***"' in ran.out
    assert [path.name for path in (in_folder / "out").iterdir()] == ["my cat-box.csv"]


@pytest.mark.parametrize("output", ["page.html", "window.svg", None])
def test_explanations_hold_no_secrets(
    convcli: Runner, server: Server, in_folder: Path, output: str | None
) -> None:
    content = b"1 2 3\n4 5 6\n7 8 9\n"
    server.objects["/a.csv?token=secret"] = server.objects["/k.csv?token=secret"] = content
    options = ("--json",) if output is None else ("-o", output)
    url, kernel = f"{server.url}/a.csv?token=secret", f"@{server.url}/k.csv"
    ran = convcli("explain", url, "--filter", "box", "--at", "1,1", *options)
    assert (ran.code, ran.err) == (0, "")
    written = "" if output is None else (in_folder / output).read_text()
    assert "secret" not in ran.out + written
    ran = convcli("explain", "--kernel", f"{kernel}?token=secret", url, "--at", "1,1")
    assert (ran.code, "secret" in ran.out + ran.err) == (2, False)


@pytest.mark.parametrize("last", ["%2e%2e", "..", "%2Fetc%2Fpasswd", "%00", ""])
def test_no_name_leads_out_of_the_folder(convcli: Runner, server: Server, in_folder: Path, last: str) -> None:
    server.objects[f"/a/{last}?x"] = server.objects["/?x"] = server.objects[f"/a/{last.upper()}?x"] = b"1 2\n"
    convcli(
        "apply", f"{server.url}/a/{last}?x", "--filter", "box", "--out-dir", "deep/out", "--format", "csv"
    )
    assert [path.name for path in in_folder.iterdir()] in ([], ["deep"])
    assert all(path.name == "out" for path in in_folder.glob("deep/*"))


def test_web_servers_are_only_read(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a.csv").write_text("1 2\n")
    for arguments in (("-o", "https://host/x.csv"), ("--out-dir", "https://host/x")):
        ran = convcli("apply", "a.csv", "--filter", "box", *arguments)
        assert_failed(
            ran, 1, f"{arguments[1]}: cannot be written to; write to a file, or to an object store: s3://"
        )
    ran = convcli("apply", "https://host/x", "--recursive", "--filter", "box", "--out-dir", "out")
    assert_failed(ran, 1, "https://host/x: a web server does not list its pictures; name each of them")


def test_a_pattern_is_none_on_a_web_server(convcli: Runner, server: Server, in_folder: Path) -> None:
    server.objects["/a*.csv?[x]"] = b"1 2\n"
    ran = convcli("apply", f"{server.url}/a*.csv?[x]", "--filter", "box", "--out-dir", in_folder / "out")
    assert (ran.code, ran.err) == (0, "")


def test_two_objects_of_one_name_share_an_output(convcli: Runner, in_folder: Path) -> None:
    names = ("https://host/a/x.png?token=1", "https://host/b/x.png?token=2")
    ran = convcli("apply", *names, "--filter", "box", "--out-dir", "out")
    assert_refused(ran, "out/x-box: 2 results have this output")
    assert not any(in_folder.iterdir())
