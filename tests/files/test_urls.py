"""Names that are URLs: what counts as one, how they are shown, and which patterns match."""

import fnmatch
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.files.identity import FileIds
from convcli.files.urls import (
    canonical_url,
    file_name,
    is_url,
    join_name,
    local_name,
    redacted,
    redacted_text,
    split_pattern,
    without_secrets,
)
from tests.support.command_line import SAMPLES, Runner


@pytest.mark.parametrize("name", ["s3://b/k", "S3A://b", "a+b.c-1://x", "memory://"])
def test_names_with_a_scheme_are_urls(name: str) -> None:
    assert is_url(name)


@pytest.mark.parametrize(
    "name", ["a/b", "./s3://b", "C://x", "C:\\x", "1s://x", "s3:/b", "://x", "-", "ü3://x", Path("s3://b")]
)
def test_other_names_are_files(name: object) -> None:
    assert not is_url(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a.png?X-Amz-Signature=secret&b=c", "https://host/a.png?***"),
        ("https://host?secret", "https://host?***"),
        ("https://host/a.png#secret", "https://host/a.png?***"),
        ("https://user:secret@host:8080/a@b.png", "https://***@host:8080/a@b.png"),
        ("https://secret@host/a.png", "https://***@host/a.png"),
        ("https://user:sec/ret@host/a.png", "https://***@host/a.png"),
        ("https://user:sec@ret@host/a.png", "https://***@host/a.png"),
        ("s3://key:secret@bucket/a.png", "s3://***@bucket/a.png"),
        ("s3://bucket/a.png?X-Amz-Signature=secret", "s3://bucket/a.png?***"),
        ("az://box/a.png?sig=secret", "az://box/a.png?***"),
        ("abfs://box@account.dfs.core.windows.net/a.png", "abfs://box@account.dfs.core.windows.net/a.png"),
        ("abfs://box:secret@account/a.png", "abfs://***@account/a.png"),
        ("s3://bucket/what?.png", "s3://bucket/what?.png"),
        ("s3://bucket/me@home #1.png", "s3://bucket/me@home #1.png"),
        ("https://host:8080/a.png", "https://host:8080/a.png"),
        ("/a/b.png?token=1", "/a/b.png?token=1"),
    ],
)
def test_no_secret_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert redacted(shown) == shown
    assert without_secrets(f"see {url.replace(' ', '')}") == f"see {shown.replace(' ', '')}"


def test_a_message_of_a_library_is_one_short_line() -> None:
    text = "failed\n  for <https://host/x?secret=1> and\t" + "x" * 1000
    shown = redacted_text(text)
    assert shown.startswith("failed for <https://host/x?***> and xxx")
    assert len(shown) < 320


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://bucket/a/cat.png", "cat.png"),
        ("s3://bucket/a/cat.png?versionId=12", "cat.png"),
        ("s3://bucket/a%20b.png", "a%20b.png"),
        ("https://host/a/cat%20one.png?x=/y.jpg", "cat one.png"),
        ("https://host/cat.png#/x", "cat.png"),
        ("https://example.com/?id=1", "example.com"),
        ("https://host/%2e%2e", "%2e%2e"),
        ("https://host/a%2Fb.png", "a%2Fb.png"),
        ("https://host/a%00b.png", "a%00b.png"),
        ("a/b?c=d.png", "b?c=d.png"),
    ],
)
def test_the_last_part_of_a_name(url: str, name: str) -> None:
    assert file_name(url) == name


def test_names_in_folders() -> None:
    assert join_name("s3://b", "", "x.png") == "s3://b/x.png"
    assert join_name("s3://b/o/", "a/b", "x.png") == "s3://b/o/a/b/x.png"
    assert join_name("s3://b/o", "", ".") == "s3://b/o"
    assert join_name("out", "a", "x.png") == str(Path("out", "a", "x.png"))
    assert join_name(Path("out"), "", "x.png") == str(Path("out", "x.png"))


@pytest.mark.parametrize(
    "spellings",
    [
        ["s3://b/k.png", "S3://b/k.png", "s3a://b/k.png", "s3:///b/k.png", "s3://b/k.png?versionId=7"],
        ["gs://b/k", "gcs://b/k"],
        ["az://box/k", "abfs://box/k", "abfss://box@account.dfs.core.windows.net/k"],
        ["memory://a/b", "memory:///a/b"],
        ["https://host/a b", "https://HOST/a%20b?x=1", "https://me:pw@host/a b#f"],
    ],
)
def test_spellings_of_one_object(spellings: list[str]) -> None:
    assert len(set(map(canonical_url, spellings))) == 1
    ids = FileIds(spellings[:1])
    assert all(spelling in ids for spelling in spellings)


def test_other_objects_are_others() -> None:
    names = ["s3://b/k", "s3://b/K", "s3://B/k", "s3://b//k", "s3://b/k?", "gs://b/k", "s3://b/a/../k"]
    assert len(set(map(canonical_url, names))) == len(names)
    assert "s3://b/k" not in FileIds(["s3:/b/k", *names[1:]])


def test_file_urls_are_names_of_files(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a b.csv").write_text("1 2\n3 4\n")
    url = f"file://{in_folder}/a%20b.csv"
    assert local_name(url.replace("file://", "FILE://localhost")) == f"{in_folder}/a b.csv"
    ran = convcli("apply", url, "--filter", "box", "-o", f"file://{in_folder}/out.csv")
    assert ran.all == (0, f"{in_folder}/out.csv\n", "")
    ran = convcli("apply", url, "--filter", "box", "--out-dir", f"file://{in_folder}/out", "--keep-time")
    assert ran.all == (0, f"{in_folder}/out/a b-box.csv\n", "")


def test_a_file_may_be_called_like_a_url(convcli: Runner, in_folder: Path) -> None:
    folder = in_folder / "s3:" / "bucket"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes((SAMPLES / "camera.png").read_bytes())
    ran = convcli("apply", "./s3://bucket/a.png", "--filter", "box", "-o", "./x.png")
    assert ran.all == (0, "./x.png\n", "")


# Patterns -----------------------------------------------------------------------------------------------

NAMES = st.text("ab.*?[]!-", max_size=5)


@given(pattern=NAMES, name=NAMES)
def test_a_pattern_within_a_folder_matches_as_the_standard_library(pattern: str, name: str) -> None:
    """But for hidden names, which only a dot matches, and sets that no shell knows."""
    if "**" in pattern or name.startswith(".") or not re.search(r"[*?\[]", pattern):
        return
    try:
        expected = re.compile(fnmatch.translate(pattern)).match(name) is not None
    except re.error:
        return
    compiled = split_pattern(f"s3://b/{pattern}")[1]
    assert (compiled.fullmatch(f"s3://b/{name}") is not None) == expected


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.png", ["a.png", "a b.png"], ["a.jpg", "x/a.png", ".a.png"]),
        (".*.png", [".a.png"], ["a.png"]),
        ("*/a.png", ["x/a.png"], ["a.png", "x/y/a.png", ".x/a.png"]),
        ("**/a.png", ["a.png", "x/a.png", "x/y/a.png"], ["x/.y/a.png", "xa.png"]),
        ("x?[1-3].png", ["xy1.png"], ["x1.png", "x/1.png", "xy4.png"]),
        ("[!a].png", ["b.png"], ["a.png", "/.png"]),
        ("[[]1].png", ["[1].png"], ["1.png"]),
        ("a.png", ["a.png"], ["aXpng"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    compiled = split_pattern(f"s3://b/{pattern}")[1]
    assert [name for name in (*matching, *others) if compiled.fullmatch(f"s3://b/{name}")] == matching
