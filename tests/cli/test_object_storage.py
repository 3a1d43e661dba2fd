"""Pictures in an object store: a real server of S3 on this machine, behind a proxy that lets requests fail."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from convcli.compiled.engine import is_compiled
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture
from convcli.pictures.reading import read_image
from tests.support.command_line import SAMPLES, Ran, Runner, assert_failed, assert_refused
from tests.support.object_store import Proxy, Request, await_requests, own_clients, serving, store_environment

pytest.importorskip("s3fs", reason="the extra cloud is not installed")
moto = pytest.importorskip("moto.server", reason="moto is not installed")

PIXELS = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
PICTURE = b"".join(encode(Picture(PIXELS), OutputFormat.PNG, "picture"))
BOX = ("--filter", "box")
DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Bucket:
    """A bucket of its own for each test, and the proxy before its store."""

    def __init__(self, client: Any, proxy: Proxy, name: str) -> None:
        self.client = client
        self.proxy = proxy
        self.name = name
        client.create_bucket(Bucket=name)

    def __str__(self) -> str:
        return f"s3://{self.name}"

    def put(self, **contents: bytes) -> None:
        self.put_all(contents)

    def put_all(self, contents: dict[str, bytes]) -> None:
        for key, content in contents.items():
            self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def all_keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")  # a page of a listing
        server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        passing = Proxy(server.get_host_and_port())
        with serving(passing.handle) as passing.port:
            yield passing
        server.stop()


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[Any]:
    """A client of the store behind the proxy; those of convcli are kept from test to test, too."""
    import boto3  # type: ignore[import-untyped] # it has no types

    with own_clients(proxy.port):
        made = boto3.client("s3", endpoint_url="http://{}:{}".format(*proxy.target))
        yield made
        made.close()


numbers = count()


@pytest.fixture
def bucket(client: Any, proxy: Proxy) -> Iterator[Bucket]:
    made = Bucket(client, proxy, f"bucket{next(numbers)}")
    proxy.reset()
    yield made
    await_requests()
    proxy.reset()


@pytest.fixture
def result(convcli: Runner, tmp_path: Path) -> bytes:
    """What convcli makes of the file."""
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "picture.png").write_bytes(PICTURE)
    output = tmp_path / "local" / "out.png"
    assert convcli("apply", tmp_path / "local" / "picture.png", *BOX, "-o", output).code == 0
    return output.read_bytes()


def in_processes(bucket: Bucket, *arguments: object) -> Ran:
    """Run convcli as its own process, which may start others."""
    command = [sys.executable, "-m", "convcli", *map(str, arguments)]
    environment = {**os.environ, **store_environment(bucket.proxy.port)}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


# One object ---------------------------------------------------------------------------------------------


def test_an_object_is_filtered_into_an_object(convcli: Runner, bucket: Bucket, result: bytes) -> None:
    bucket.put(cat=PICTURE)
    ran = convcli("apply", f"{bucket}/cat", *BOX, "-o", f"{bucket}/out/edges.png")
    assert ran.all == (0, f"{bucket}/out/edges.png\n", "")
    assert bucket.get("out/edges.png") == result
    assert [(made.method, made.path.partition("?")[0]) for made in bucket.proxy.requests] == [
        ("HEAD", f"/{bucket.name}/out/edges.png"),
        ("GET", f"/{bucket.name}/cat"),  # a small object takes one request
        ("PUT", f"/{bucket.name}/out/edges.png"),
    ]


def test_a_record_has_the_urls(convcli: Runner, bucket: Bucket) -> None:
    bucket.put(cat=PICTURE)
    ran = convcli("pool", f"{bucket}/cat", "--f", "2", "--out-dir", f"{bucket}/small", "--json")
    record = json.loads(ran.out)
    assert (record["input"], record["output"]) == (f"{bucket}/cat", f"{bucket}/small/cat-maxpool-2x2.png")
    assert bucket.all_keys() == ["cat", "small/cat-maxpool-2x2.png"]


def test_an_object_that_exists_is_kept_without_force(convcli: Runner, bucket: Bucket, result: bytes) -> None:
    bucket.put(cat=PICTURE, out=b"old")
    ran = convcli("apply", f"{bucket}/cat", *BOX, "-o", f"{bucket}/out", "--format", "png")
    assert_failed(ran, 1, f"{bucket}/out: exists; use --force to overwrite it")
    assert (bucket.get("out"), bucket.proxy.count("GET")) == (b"old", 0)
    assert (
        convcli("apply", f"{bucket}/cat", *BOX, "-o", f"{bucket}/out", "--format", "png", "--force").code == 0
    )
    assert bucket.get("out") == result


def test_an_object_that_appears_meanwhile_is_kept(convcli: Runner, bucket: Bucket) -> None:
    bucket.put(cat=PICTURE)

    def appear(request: Request) -> None:
        if request.method == "PUT":
            bucket.put(out=b"of another")

    bucket.proxy.fault = appear
    ran = convcli("apply", f"{bucket}/cat", *BOX, "-o", f"{bucket}/out", "--format", "png")
    assert_failed(ran, 1, f"{bucket}/out: exists; use --force to overwrite it")
    assert bucket.get("out") == b"of another"


@pytest.mark.parametrize("spelling", ["s3://{}/cat.png", "s3a://{}/cat.png", "S3://{}/cat.png"])
def test_an_input_is_never_the_output(convcli: Runner, bucket: Bucket, spelling: str) -> None:
    bucket.put_all({"cat.png": PICTURE})
    output = spelling.format(bucket.name)
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", output, "--force")
    assert_failed(ran, 1, f"{output}: is an input, and inputs are never overwritten")
    assert bucket.get("cat.png") == PICTURE


def test_an_empty_object(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({"empty.png": b""})
    ran = convcli("apply", f"{bucket}/empty.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, f"{bucket}/empty.png: is empty\n")


def test_a_large_object_is_read_in_blocks(
    convcli: Runner, bucket: Bucket, result: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.files.remote.reading.BLOCK", 1 << 12)
    bucket.put_all({"cat.png": PICTURE})
    assert convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}/out.png").code == 0
    assert bucket.get("out.png") == result
    ranges = [made.range for made in bucket.proxy.requests if made.method == "GET"]
    assert ranges[0] == "bytes=0-4095"
    assert len(ranges) <= len(PICTURE) // (1 << 12) + 2


def test_a_picture_above_the_limit_is_not_fetched_whole(
    convcli: Runner, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.files.remote.reading.BLOCK", 1 << 13)
    noise = Picture(np.random.default_rng(3).integers(0, 256, (400, 500), np.uint8))
    bucket.put_all({"cat.png": b"".join(encode(noise, OutputFormat.PNG, "noise"))})
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}/out.png", "--max-pixels", "1000")
    assert ran.code == 1
    assert "has 500x400 = 200000 pixels, more than 1000" in ran.err
    assert bucket.proxy.count("GET") <= (4 if is_compiled() else 6)  # of 25 parts


def test_a_list_of_names_may_be_an_object(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    names = "\0".join([f"{bucket}/what?*.png", str(SAMPLES / "camera.png")])  # a name, not a pattern
    bucket.put_all({"list": names.encode(), "what?*.png": PICTURE, "what1.png": b""})
    ran = convcli("apply", "--files0-from", f"{bucket}/list", *BOX, "--out-dir", tmp_path / "out", "-j", "1")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["camera-box.png", "what?*-box.png"]


# Many objects -------------------------------------------------------------------------------------------

KEYS = [
    "in/a b.png", "in/c#1.png", "in/d?x=1.png", "in/e%20.png", "in/ü/ö.png", "in/ü/deep/é.png",
    "in/x//y.png", "in/+.png",
]  # fmt: skip
OTHERS = ["in/notes.txt.md", "in/.hidden.png", "in/.git/x.png", "in/a/../z.png", "inner/x.png", "in2.png"]


def test_a_pattern_names_objects(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all(dict.fromkeys([*KEYS, *OTHERS], PICTURE))
    ran = convcli("apply", f"{bucket}/in/*.png", *BOX, "--out-dir", tmp_path / "out", "-j", "1")
    assert (ran.code, ran.err) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a b-box.png", "c#1-box.png", "d?x=1-box.png", "e%20-box.png", "+-box.png",
    }  # fmt: skip


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("start", ["in", "in/", "i[m-o]"])
def test_pictures_of_a_folder(convcli: Runner, bucket: Bucket, start: str) -> None:
    bucket.put_all(dict.fromkeys([*KEYS, *OTHERS], PICTURE))
    options = ("--recursive", "--name", "{stem}.{ext}", "-j", "1")
    into_store = convcli("apply", f"{bucket}/{start}", *BOX, "--out-dir", f"{bucket}/in/out", *options)
    assert (into_store.code, into_store.err) == (0, "")
    expected = {key.removeprefix("in/").replace("//", "/") for key in KEYS}
    assert {key.removeprefix("in/out/") for key in bucket.all_keys() if key.startswith("in/out/")} == expected
    # The results of the first run are not read again by the second.
    ran = convcli("apply", f"{bucket}/{start}", *BOX, "--out-dir", f"{bucket}/in/out", *options, "--force")
    assert (ran.code, len(ran.out.splitlines())) == (0, len(KEYS))


def test_a_folder_of_a_store_into_a_folder(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all(dict.fromkeys([*KEYS, *OTHERS], PICTURE))
    out = tmp_path / "deep" / "out"
    ran = convcli(
        "apply", f"{bucket}/in", "--recursive", *BOX, "--out-dir", out, "--name", "{stem}.{ext}", "-j", "1"
    )
    assert (ran.code, ran.err) == (0, "")
    found = {str(path.relative_to(out)) for path in out.rglob("*.png")}
    assert found == {key.removeprefix("in/").replace("//", "/") for key in KEYS}
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_a_pattern_without_matches_is_a_name(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({"[1].png": PICTURE})
    assert convcli("apply", f"{bucket}/[1].png", *BOX, "-o", tmp_path / "x.png").code == 0
    ran = convcli("apply", f"{bucket}/*.jpg", *BOX, "-o", tmp_path / "y.png")
    assert_failed(ran, 1, f"{bucket}/*.jpg: there is no such object")


def test_a_folder_without_pictures(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    ran = convcli("apply", f"{bucket}/none", "--recursive", *BOX, "--out-dir", tmp_path / "out")
    assert_refused(ran, f"{bucket}/none: contains no pictures")


def test_what_exists_is_listed_once(convcli: Runner, bucket: Bucket) -> None:
    inputs = [f"in/{number:02}.png" for number in range(10)]
    bucket.put_all(dict.fromkeys(inputs, PICTURE))
    bucket.put_all({f"out/{number:02}-box.png": b"kept" for number in range(8)})
    arguments = ("apply", f"{bucket}/in/*.png", *BOX, "--out-dir", f"{bucket}/out", "--skip-existing")
    ran = convcli(*arguments, "-j", "1")
    assert (ran.code, ran.out) == (0, f"{bucket}/out/08-box.png\n{bucket}/out/09-box.png\n")
    assert bucket.get("out/00-box.png") == b"kept"
    listings = [made for made in bucket.proxy.requests if "list-type=2" in made.path]
    assert len(listings) == 2 + 2  # pages of 10 inputs and of 8 outputs
    objects = [made for made in bucket.proxy.requests if made not in listings]
    assert sorted(made.method for made in objects) == ["GET", "GET", "HEAD", "PUT", "PUT"]  # HEAD: the bucket


def test_what_exists_in_several_folders_is_listed_once(convcli: Runner, bucket: Bucket) -> None:
    bucket.put_all({f"in/{number}.png": PICTURE for number in range(5)})
    arguments = (
        "apply", f"{bucket}/in/*.png", *BOX, "--sheet", f"{bucket}/sheets/{{stem}}.png", "--out-dir",
        f"{bucket}/out", "--skip-existing", "--json", "-j", "1",
    )  # fmt: skip
    assert convcli(*arguments).code == 0
    bucket.proxy.reset()
    ran = convcli(*arguments)
    assert [json.loads(line)["skipped"] for line in ran.out.splitlines()] == [True] * 10
    assert sum("list-type=2" in made.path for made in bucket.proxy.requests) == 3


def test_a_single_sheet_that_exists_is_skipped(convcli: Runner, bucket: Bucket) -> None:
    bucket.put_all({"cat.png": PICTURE, "sheet.png": b"old"})
    ran = convcli("apply", f"{bucket}/cat.png", "--sheet", f"{bucket}/sheet.png", "--skip-existing", "--json")
    assert (ran.code, json.loads(ran.out)["skipped"], bucket.get("sheet.png")) == (0, True, b"old")


def test_a_zarr_array_that_exists_is_skipped(convcli: Runner, bucket: Bucket) -> None:
    pytest.importorskip("zarr", reason="the extra dask is not installed")
    bucket.put_all({"in/cat.png": PICTURE, "out/cat.zarr/zarr.json": b"{}"})
    options = ("--out-dir", f"{bucket}/out", "--name", "{stem}.zarr", "--skip-existing", "--json")
    ran = convcli("apply", f"{bucket}/in/cat.png", *BOX, *options)
    assert (ran.code, json.loads(ran.out)["skipped"]) == (0, True)


def test_worker_processes_do_not_list_again(bucket: Bucket) -> None:
    bucket.put_all({f"in/{number}.png": PICTURE for number in range(8)})
    bucket.put_all({f"out/{number}-box.png": b"kept" for number in range(0, 8, 2)})
    options = ("--out-dir", f"{bucket}/out", "--skip-existing", "-j", "2")
    ran = in_processes(bucket, "apply", f"{bucket}/in/*.png", *BOX, *options)
    assert ran.all == (0, "".join(f"{bucket}/out/{number}-box.png\n" for number in range(1, 8, 2)), "")
    listings = [made for made in bucket.proxy.requests if "list-type=2" in made.path]
    assert len(listings) == 2 + 1  # 8 objects are two pages
    assert bucket.proxy.count("GET") - len(listings) == 4  # each once, though they are fetched ahead


def test_objects_are_fetched_ahead(convcli: Runner, bucket: Bucket) -> None:
    """While the first result is being put, the second input has been asked for."""
    bucket.put_all({f"in/{number}.png": PICTURE for number in range(3)})
    assert convcli("apply", f"{bucket}/in/*.png", *BOX, "--out-dir", f"{bucket}/out", "-j", "1").code == 0
    methods = [made.method for made in bucket.proxy.requests if "list-type" not in made.path]
    assert methods.count("GET") == 3
    assert methods.index("PUT") > [place for place, method in enumerate(methods) if method == "GET"][1]


# Failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "processes"),
    [
        ("503", 2),
        ("cut", 1),
        *(pytest.param(fault, 2, marks=pytest.mark.thorough) for fault in ("closed", "lost", "cut")),
    ],
)
def test_every_tenth_request_fails(
    convcli: Runner, bucket: Bucket, result: bytes, fault: str, processes: int
) -> None:
    inputs = [f"in/{number:02}.png" for number in range(30)]
    bucket.put_all(dict.fromkeys(inputs, PICTURE))
    bucket.proxy.fault = lambda request: fault if request.number % 10 == 0 else None
    arguments = ("apply", f"{bucket}/in", "--recursive", *BOX, "--out-dir", f"{bucket}/out", "-j", processes)
    ran = convcli(*arguments) if processes == 1 else in_processes(bucket, *arguments)
    outputs = [f"out/{number:02}-box.png" for number in range(30)]
    assert ran.all == (0, "".join(f"s3://{bucket.name}/{key}\n" for key in outputs), "")
    assert bucket.all_keys() == [*inputs, *outputs]
    assert {bucket.get(key) for key in outputs} == {result}


@pytest.mark.parametrize("fault", ["503", "closed"])
def test_a_store_that_always_fails(convcli: Runner, bucket: Bucket, tmp_path: Path, fault: str) -> None:
    bucket.put_all({"cat.png": PICTURE})
    bucket.proxy.fault = lambda _: fault
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png")
    start = "the server answers 503" if fault == "503" else "the connection fails"
    assert_failed(ran, 1, f"{bucket}/cat.png: {start} (tried 5 times): ")
    assert 5 <= len(bucket.proxy.requests) <= 10  # a connection that is used again is tried once more


@pytest.mark.parametrize("fault", ["503", "closed"])
def test_a_write_that_fails_leaves_nothing(convcli: Runner, bucket: Bucket, fault: str) -> None:
    bucket.put_all({"cat.png": PICTURE, "old.png": b"old"})
    bucket.proxy.fault = lambda request: fault if request.method == "PUT" else None
    for output, options in (("new.png", ()), ("old.png", ("--force",))):
        ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}/{output}", *options)
        assert_failed(ran, 1, f"{bucket}/{output}: the ")
    assert bucket.all_keys() == ["cat.png", "old.png"]
    assert bucket.get("old.png") == b"old"


@pytest.mark.thorough
@pytest.mark.parametrize("fault", [None, "503", "lost"])
def test_a_large_result_is_written_in_parts(bucket: Bucket, tmp_path: Path, fault: str | None) -> None:
    """Its parts, each 50 MB, are put together by the store when all are there."""
    pixels = np.random.default_rng(1).integers(0, 256, (10_400, 10_400), np.uint8)
    np.save(tmp_path / "large.npy", pixels)
    bucket.proxy.fault = lambda request: fault if request.number == 4 else None
    ran = in_processes(
        bucket, "apply", tmp_path / "large.npy", "--filter", "identity", "-o", f"{bucket}/out.npy"
    )
    assert ran.all == (0, f"{bucket}/out.npy\n", "")
    np.testing.assert_array_equal(np.load(io.BytesIO(bucket.get("out.npy"))), pixels)
    assert bucket.proxy.count("PUT") >= 3


@pytest.mark.thorough
def test_a_part_that_is_never_stored_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    np.save(tmp_path / "large.npy", np.zeros((10_400, 10_400), np.uint8))
    bucket.put_all({"other.npy": b"other"})
    bucket.proxy.fault = lambda request: "503" if "partNumber=2" in request.path else None
    ran = in_processes(
        bucket, "apply", tmp_path / "large.npy", "--filter", "identity", "-o", f"{bucket}/out.npy"
    )
    assert_failed(ran, 1, f"{bucket}/out.npy: the server answers 503 (tried 5 times)")
    assert bucket.all_keys() == ["other.npy"]
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)


def test_a_lost_answer_is_no_object_of_another(convcli: Runner, bucket: Bucket, result: bytes) -> None:
    bucket.put_all({"cat.png": PICTURE})
    lost: list[Request] = []

    def lose_first(request: Request) -> str | None:
        if request.method == "PUT" and not lost:
            lost.append(request)
            return "lost"
        return None

    bucket.proxy.fault = lose_first
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}/out.png")
    assert ran.all == (0, f"{bucket}/out.png\n", "")
    assert (len(lost), bucket.get("out.png")) == (1, result)


def test_a_failing_object_does_not_stop_the_others(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({f"{number}.png": PICTURE for number in range(4)})

    def vanish(request: Request) -> None:
        if request.path.endswith("/1.png") and request.method == "GET":
            bucket.client.delete_object(Bucket=bucket.name, Key="1.png")

    bucket.proxy.fault = vanish
    ran = convcli("apply", f"{bucket}/*.png", *BOX, "--out-dir", tmp_path / "out", "-j", "1")
    assert ran.code == 1
    assert f"convcli: {bucket}/1.png: there is no such object\n" in ran.err
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_large_object_that_changes_while_it_is_read(
    convcli: Runner, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.files.remote.reading.BLOCK", 1 << 12)
    bucket.put_all({"cat.png": PICTURE})

    def change(request: Request) -> None:
        if request.number == 4:
            bucket.put_all({"cat.png": PICTURE[::-1]})

    bucket.proxy.fault = change
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, f"{bucket}/cat.png: has changed while it was read; try again\n")


def test_a_server_that_does_not_answer(
    convcli: Runner, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.files.remote.clients.READ_SECONDS", 0.1)
    bucket.put_all({"cat.png": PICTURE})
    bucket.proxy.fault = lambda _: "stalled"
    with own_clients(bucket.proxy.port):
        monkeypatch.setattr("convcli.files.remote.clients.PAUSES", (0,))
        ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, f"{bucket}/cat.png: the connection fails (tried 2 times): ")
    assert "timeout" in ran.err.lower()


def test_access_is_denied(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({"cat.png": PICTURE})
    bucket.proxy.fault = lambda _: DENIED
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, f"{bucket}/cat.png: access is denied: Access Denied; check the credentials")
    assert len(bucket.proxy.requests) == 1
    ran = convcli("apply", f"{bucket}/*.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, f"{bucket}/*.png: access is denied")
    ran = convcli("apply", SAMPLES / "camera.png", *BOX, "-o", f"{bucket}/out.png")
    assert_failed(ran, 1, f"{bucket}/out.png: access is denied")


def test_no_credentials(
    convcli: Runner, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with own_clients(bucket.proxy.port):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(
        ran, 1, f"{bucket}/cat.png: no credentials: Unable to locate credentials; for S3, set AWS_PROFILE"
    )


def test_a_folder_is_no_picture(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({"in/cat.png": PICTURE})
    for name in ("in", "in/"):
        ran = convcli("apply", f"{bucket}/{name}", *BOX, "-o", tmp_path / "out.png")
        assert_failed(ran, 1, f"{bucket}/{name}: is a folder; name the images in it or use --recursive")


@pytest.mark.usefixtures("bucket")
def test_no_such_bucket(convcli: Runner, tmp_path: Path) -> None:
    ran = convcli("apply", "s3://no-such-bucket/cat.png", *BOX, "-o", tmp_path / "out.png")
    assert_failed(ran, 1, "s3://no-such-bucket/cat.png: there is no such bucket; check its name")
    ran = convcli("apply", SAMPLES / "camera.png", *BOX, "--out-dir", "s3://no-such-bucket/out")
    assert_failed(ran, 1, "s3://no-such-bucket/out: there is no such bucket; make it first")
    ran = convcli("apply", SAMPLES / "camera.png", *BOX, "-o", "s3://no-such-bucket/out.png")
    assert_failed(ran, 1, "s3://no-such-bucket/out.png: there is no such bucket; check its name")


def test_what_objects_do_not_have(convcli: Runner, bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_all({"cat.png": PICTURE})
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", tmp_path / "out.png", "--keep-time")
    assert_refused(ran, f"--keep-time: sets the time of files, but {bucket}/cat.png is a URL, which has none")
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}/out/", "--format", "png")
    assert_refused(ran, f"{bucket}/out/: is a folder")
    ran = convcli("apply", f"{bucket}/cat.png", *BOX, "-o", f"{bucket}", "--format", "png")
    assert_failed(ran, 1, f"{bucket}: is a folder; give the name of an object in it")


# Other commands -----------------------------------------------------------------------------------------


def test_other_commands_read_and_write_objects(convcli: Runner, bucket: Bucket) -> None:
    kernel, network = b"1 0 -1\n", (SAMPLES.parent / "convcli" / "networks" / "shipped").iterdir()
    lenet = next(path for path in network if path.name == "lenet5.net").read_bytes()
    bucket.put_all({"cat.png": PICTURE, "kernel.txt": kernel, "lenet.net": lenet})
    explained = convcli("explain", f"{bucket}/cat.png", "--filter", "box", "--at", "5,5")
    assert (explained.code, explained.err) == (0, "")
    saved = convcli("filters", "sobel-x", "-o", f"{bucket}/sobel.json")
    assert (saved.code, saved.err) == (0, "")
    assert json.loads(bucket.get("sobel.json"))["kernel"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    sized = convcli("shape", f"{bucket}/lenet.net", "--n", "32x32x1")
    assert (sized.code, sized.err) == (0, "")
    ran = convcli("apply", f"{bucket}/cat.png", "--kernel", f"@{bucket}/kernel.txt", "-o", f"{bucket}/x.png")
    assert (ran.code, ran.err) == (0, "")
    sheet = convcli("apply", f"{bucket}/cat.png", "--sheet", f"{bucket}/sheets/{{stem}}.png")
    assert (sheet.code, sheet.out) == (0, f"{bucket}/sheets/cat.png\n")


def test_python_reads_and_writes_objects(bucket: Bucket) -> None:
    import convcli

    bucket.put_all({"cat.png": PICTURE})
    np.testing.assert_array_equal(read_image(f"{bucket}/cat.png"), PIXELS)
    assert convcli.read_picture(f"{bucket}/cat.png").pixels.shape == PIXELS.shape
    filtered = convcli.filter_file(f"{bucket}/cat.png", "box", output=f"{bucket}/box.png")
    assert filtered.output == f"{bucket}/box.png"
    pooled = convcli.pool_file(f"{bucket}/cat.png", output=f"{bucket}/pooled.png", keep_time=True)
    assert pooled.notes == ("is not a regular file, so it has no time to keep",)
    convcli.write_image(f"{bucket}/copy.png", read_image(f"{bucket}/box.png"))
    assert bucket.all_keys() == ["box.png", "cat.png", "copy.png", "pooled.png"]


# What is not held ---------------------------------------------------------------------------------------


@pytest.fixture
def tiled(convcli: Runner, bucket: Bucket, tmp_path: Path) -> bytes:
    """Put a TIFF of 400 kB into the bucket, and return what is made of it by tiles."""
    noise = np.random.default_rng(1).integers(0, 256, (600, 700), np.uint8)
    tifffile.imwrite(tmp_path / "noise.tif", noise, tile=(64, 64), compression="zlib")
    bucket.put_all({"noise.tif": (tmp_path / "noise.tif").read_bytes()})
    assert convcli("apply", tmp_path / "noise.tif", *BOX, "--by-tiles", "-o", tmp_path / "box.tif").code == 0
    return (tmp_path / "box.tif").read_bytes()


def test_a_large_object_into_another(convcli: Runner, bucket: Bucket, tiled: bytes) -> None:
    arguments = ["apply", f"{bucket}/noise.tif", *BOX, "--by-tiles", "-o", f"{bucket}/box.tif"]
    assert convcli(*arguments).all == (0, f"{bucket}/box.tif\n", "")
    assert bucket.get("box.tif") == tiled
    assert_failed(convcli(*arguments), 1, f"{bucket}/box.tif: exists; use --force to overwrite it")
    bucket.put_all({"box.tif": b"old"})
    assert convcli(*arguments, "--force").code == 0
    assert bucket.get("box.tif") == tiled


@pytest.mark.parametrize("fault", ["503", "closed", "lost"])
def test_a_large_object_in_spite_of_a_fault(
    convcli: Runner, bucket: Bucket, tiled: bytes, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    failed: list[Request] = []

    def fail_first(request: Request) -> str | None:
        if request.method == "PUT" and not failed:
            failed.append(request)
            return fault
        return None

    monkeypatch.setattr("convcli.files.remote.writing.BLOCK_BYTES", 100_000)
    bucket.proxy.fault = fail_first
    ran = convcli("apply", f"{bucket}/noise.tif", *BOX, "--by-tiles", "-o", f"{bucket}/box.tif")
    assert ran.all == (0, f"{bucket}/box.tif\n", "")
    assert (len(failed), bucket.get("box.tif")) == (1, tiled)


def test_a_large_object_that_cannot_be_written(convcli: Runner, bucket: Bucket, tiled: bytes) -> None:
    bucket.proxy.fault = lambda request: "503" if request.method == "PUT" else None
    ran = convcli("apply", f"{bucket}/noise.tif", *BOX, "--by-tiles", "-o", f"{bucket}/box.tif")
    assert_failed(ran, 1, f"{bucket}/box.tif: the server answers 503")
    assert bucket.all_keys() == ["noise.tif"]
    assert tiled


@pytest.mark.thorough
def test_workers_of_a_cluster_read_and_write_objects(bucket: Bucket, result: bytes) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    bucket.put_all({f"in/{number:02}.png": PICTURE for number in range(20)})
    bucket.proxy.fault = lambda request: "503" if request.number % 10 == 0 else None
    line = ("apply", f"{bucket}/in/*.png", *BOX, "--out-dir", f"{bucket}/out", "--dask", "local:2")
    outputs = [f"out/{number:02}-box.png" for number in range(20)]
    ran = in_processes(bucket, *line)
    assert ran.all == (0, "".join(f"{bucket}/{output}\n" for output in outputs), "")
    assert [bucket.get(output) for output in outputs] == [result] * 20
    assert len(bucket.all_keys()) == 40
    assert in_processes(bucket, *line, "--skip-existing").all == (0, "", "")
