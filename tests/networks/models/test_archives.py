"""Bounded reading of zip archives and JSON, against Python's zipfile; damaged ones are refused in one line."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from convcli.errors import SpecError
from convcli.networks.models import archives
from convcli.networks.models.archives import open_archive, parse_json, read_json_file
from tests.support.sampling import SAMPLE_AND_REST, sample_or_rest

CONTENT = {"config.json": b'{"layers": [1, 2, 3]}', "weights.bin": bytes(range(256)) * 40, "empty": b""}


def make(path: Path, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
        archive.comment = comment
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"PK\x05\x06 no end", b"x" * 65535])
def test_members_are_those_that_zipfile_wrote(tmp_path: Path, method: int, comment: bytes) -> None:
    path = make(tmp_path / "a.zip", method, comment if method else b"")
    with open_archive(path) as archive:
        assert {name: archive.read(name) for name in archive.members} == CONTENT
        assert archive.read_json("config.json") == {"layers": [1, 2, 3]}
    if b"no end" in comment:
        return  # zipfile takes it for the end
    with zipfile.ZipFile(path) as peer:
        assert [(m.name, m.size, m.packed, m.checksum, m.offset) for m in archive.members.values()] == [
            (i.filename, i.file_size, i.compress_size, i.CRC, i.header_offset) for i in peer.infolist()
        ]


def test_large_archives_keep_their_numbers_in_extra_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(b"abc")
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    numbers = [content[entry + at : entry + at + 4] for at in (24, 20)]
    extra = b"\x99\x00\x02\x00ab" + b"\x01\x00\x10\x00" + b"".join(bytes(n) + bytes(4) for n in numbers)
    entry_end = content.index(b"PK\x05\x06")
    for at in (24, 20):
        content[entry + at : entry + at + 4] = b"\xff" * 4
    content[entry + 30 : entry + 32] = len(extra).to_bytes(2, "little")
    directory = bytes(content[entry : entry + 47]) + extra
    end = bytearray(content[entry_end:])
    length, start = len(directory), entry
    end_64 = (
        b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(12) + b"".join(
            number.to_bytes(8, "little") for number in (1, 1, length, start)
        )
    )  # fmt: skip
    locator = b"PK\x06\x07" + bytes(4) + (start + length).to_bytes(8, "little") + b"\x01\0\0\0"
    end[8:20] = b"\xff" * 12
    path.write_bytes(bytes(content[:entry]) + directory + end_64 + locator + bytes(end))
    with zipfile.ZipFile(path) as peer, open_archive(path) as opened:
        assert peer.read("a") == opened.read("a") == b"abc"
    path.write_bytes(path.read_bytes().replace(b"PK\x06\x06", b"PK\x06\x05"))
    with pytest.raises(SpecError, match="is damaged: the end of its directory is invalid"):
        open_archive(path)


@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_damaged_archives_are_refused_or_read_right(part: str, tmp_path: Path) -> None:
    content = make(tmp_path / "a.zip").read_bytes()
    path = tmp_path / "damaged.zip"

    def outcome(damaged: bytes) -> None:
        path.write_bytes(damaged)
        try:
            with open_archive(path) as archive:
                for name, expected in CONTENT.items():
                    assert archive.read(name) == expected
        except SpecError as error:
            if not error.what.startswith(str(path)):
                raise

    damaged = [content[:end] for end in range(0, len(content), 7)]
    damaged += [
        content[:position] + bytes([value]) + content[position + 1 :]
        for position in range(0, len(content), 3)
        for value in (0, 0xFF)
    ]
    for one in sample_or_rest(damaged, part, 11):
        outcome(one)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (24, 5, "has more than the 5 bytes that are declared"),
        (24, 100, "has 21 bytes, but 100 are declared"),
        (24, 2**31, "is 2,147,483,648 bytes; at most 67,108,864 are read"),
        (20, 2**20, "takes 1,048,576 bytes in the archive for 21"),
        (16, 1, "is damaged: its checksum is wrong"),
        (42, 2**31, "is truncated or damaged: the header of config.json should be at byte 2,147,483,648"),
        (42, 1, "has no header at byte 1"),
        (8, 1, "is encrypted"),
        (10, 12, "is compressed by method 12; save it uncompressed or deflated"),
    ],
)
def test_what_the_directory_declares_is_checked(tmp_path: Path, at: int, value: int, message: str) -> None:
    path = make(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    position = content.index(b"PK\x01\x02") + at
    length = 2 if at in (8, 10) else 4
    content[position : position + length] = value.to_bytes(length, "little")
    path.write_bytes(content)
    with open_archive(path) as archive, pytest.raises(SpecError) as raised:
        archive.read("config.json")
    assert message in str(raised.value)


def test_a_bomb_is_refused_before_it_is_decompressed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(archives.MAX_MEMBER + 1))
    with open_archive(path) as bomb, pytest.raises(SpecError, match="at most 67,108,864 are read"):
        bomb.read("config.json")


def test_archives_without_a_member_or_with_two_of_a_name(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip")
    with open_archive(path) as archive, pytest.raises(SpecError, match=r"has no metadata\.json in it"):
        archive.read("metadata.json")
    path.write_bytes(path.read_bytes().replace(b"weights.bin", b"config.json"))
    with pytest.raises(SpecError, match=r"has config\.json twice"):
        open_archive(path)


def test_a_directory_that_is_too_large_or_lies_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    end = content.index(b"PK\x05\x06")
    content[end + 10] = 9
    path.write_bytes(content)
    with pytest.raises(SpecError, match="has 3 members, but 9 are declared"):
        open_archive(path)
    content[end + 12 : end + 16] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(SpecError, match="a directory of 2,147,483,648 bytes"):
        open_archive(path)


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    for content in (b"", b"PK", b"not a zip archive" * 9000):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(SpecError, match="is truncated, or not a zip archive"):
            open_archive(tmp_path / "a.zip")
    with pytest.raises(SpecError, match="no such file or directory"):
        open_archive(tmp_path / "none.zip")
    reader, writer = os.pipe()
    try:
        with pytest.raises(SpecError, match=rf"fd/{reader}: is a pipe, of which parts cannot be skipped"):
            open_archive(f"/dev/fd/{reader}")
    finally:
        os.close(reader)
        os.close(writer)


def test_json_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"a": [1, None, "é"]}), encoding="utf-8")
    assert read_json_file(path) == {"a": [1, None, "é"]}
    for content, message in (
        (b"[" * 100_000, "is nested too deeply"),
        (b"\xff{}", "is not text: byte 0 is 0xff"),
        (b"[1, 2", "is not valid JSON"),
        (b"[" + b"9" * 5000 + b"]", "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b"[" + b"{}," * 3_000_000 + b"{}]", "has too many values for a model"),
    ):
        with pytest.raises(SpecError, match=message):
            parse_json(content, "model.json")
    monkeypatch.setattr(archives, "MAX_MEMBER", 5)
    with pytest.raises(SpecError, match="is larger than 5 bytes"):
        read_json_file(path)
