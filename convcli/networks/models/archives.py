"""Reads members of zip archives and JSON, within limits: what a file declares is checked before it is read.

Python's own ``zipfile`` allocates what a lying file asks for, and takes longer to import than this takes to
read a model.

Source: APPNOTE.TXT, the specification of .zip files by PKWARE, 4.3 and 4.5.3.
"""

import os
from types import TracebackType
from typing import BinaryIO, NamedTuple, NoReturn

from convcli.errors import SpecError, describe_os_error
from convcli.files.opening import open_input

__all__ = [
    "MAX_MEMBER",
    "Archive",
    "Member",
    "check_parsed_size",
    "open_archive",
    "open_model",
    "parse_json",
    "read_json_file",
]

MAX_MEMBER = 64 << 20  # bytes of a member or of a JSON file; the graph of a large model takes a few million
MAX_DIRECTORY = 64 << 20
MAX_PARSED = 512 << 20  # bytes of the objects that JSON is parsed into, estimated
END, END_64, LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
DIRECTORY_ENTRY, LOCAL_HEADER = b"PK\x01\x02", b"PK\x03\x04"
END_LENGTH, LOCATOR_LENGTH, END_64_LENGTH, ENTRY_LENGTH, LOCAL_LENGTH = 22, 20, 56, 46, 30
IN_ZIP64 = 0xFFFFFFFF  # instead of a number that does not fit: it is in the extra field
STORED, DEFLATED = 0, 8


class Member(NamedTuple):
    """A file within a zip archive, as the archive's directory declares it.

    Attributes
    ----------
    name : str
    size, packed : int
        Bytes of its content, and of the compressed data in the archive.
    method : int
        0: stored; 8: deflated.
    checksum : int
        CRC-32 of its content.
    offset : int
        Position of its header in the archive.
    encrypted : bool
    """

    name: str
    size: int
    packed: int
    method: int
    checksum: int
    offset: int
    encrypted: bool


class Archive:
    """A zip archive, of which members are read one by one. Use it in a ``with`` statement.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    members : dict
        Each `Member` by its name.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        self.members = self._read_directory()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def read(self, member: str, max_bytes: int = MAX_MEMBER) -> bytes:
        """Return the content of a member.

        Raises
        ------
        SpecError
            The archive has no such member, it is larger than `max_bytes`, it is damaged, or it is not what
            the directory declares.
        """
        found = self.members.get(member)
        if found is None:
            raise SpecError(self.name, f"has no {member[:100]} in it")
        if found.size > max_bytes:
            self._fail(member, f"is {found.size:,} bytes; at most {max_bytes:,} are read")
        if found.encrypted:
            self._fail(member, "is encrypted")
        if found.method not in (STORED, DEFLATED):
            self._fail(member, f"is compressed by method {found.method}; save it uncompressed or deflated")
        packed = self._read_packed(found)
        content = packed if found.method == STORED else self._inflate(found, packed)
        from zlib import crc32

        if len(content) != found.size:
            self._fail(member, f"has {len(content):,} bytes, but {found.size:,} are declared")
        if crc32(content) != found.checksum:
            self._fail(member, "is damaged: its checksum is wrong")
        return content

    def read_json(self, member: str) -> object:
        """Return the content of a member that is JSON.

        Raises
        ------
        SpecError
            As for `read` and `parse_json`.
        """
        return parse_json(self.read(member), f"{self.name}:{member}")

    def _fail(self, member: str, why: str) -> NoReturn:
        raise SpecError(f"{self.name}:{member[:100]}", why)

    def _bytes_at(self, position: int, count: int, what: str) -> bytes:
        """Return bytes of the archive, which must all exist."""
        if not 0 <= position <= position + count <= self._size:
            raise SpecError(
                self.name,
                f"is truncated or damaged: {what} should be at byte {position:,} to {position + count:,} "
                f"of a file of {self._size:,}",
            )
        self._stream.seek(position)
        return self._stream.read(count)

    def _read_packed(self, member: Member) -> bytes:
        if member.packed > member.size + member.size // 100 + 1000:
            self._fail(member.name, f"takes {member.packed:,} bytes in the archive for {member.size:,}")
        header = self._bytes_at(member.offset, LOCAL_LENGTH, f"the header of {member.name[:100]}")
        if not header.startswith(LOCAL_HEADER):
            self._fail(member.name, f"has no header at byte {member.offset:,}")
        start = member.offset + LOCAL_LENGTH + _number(header, 26, 2) + _number(header, 28, 2)
        return self._bytes_at(start, member.packed, member.name[:100])

    def _inflate(self, member: Member, packed: bytes) -> bytes:
        import zlib

        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, member.size + 1)
        except zlib.error:
            self._fail(member.name, "is damaged: it cannot be decompressed")
        if len(content) > member.size:
            self._fail(member.name, f"has more than the {member.size:,} bytes that are declared")
        return content

    def _read_directory(self) -> dict[str, Member]:
        count, length, start = self._find_directory()
        if length > MAX_DIRECTORY:
            raise SpecError(
                self.name, f"has a directory of {length:,} bytes; at most {MAX_DIRECTORY:,} are read"
            )
        directory = self._bytes_at(start, length, "the directory of its members")
        members: dict[str, Member] = {}
        position = 0
        while position < length:
            end = position + ENTRY_LENGTH
            lengths = [_number(directory, position + at, 2) for at in (28, 30, 32)]
            following = end + sum(lengths)
            if not directory.startswith(DIRECTORY_ENTRY, position) or following > length:
                raise SpecError(self.name, f"is damaged: its directory is wrong at byte {start + position:,}")
            extra = directory[end + lengths[0] : end + lengths[0] + lengths[1]]
            size, packed, offset = _large_numbers(
                [_number(directory, position + at, 4) for at in (24, 20, 42)], extra
            )
            member = Member(
                name=directory[end : end + lengths[0]].decode(errors="replace"),
                size=size,
                packed=packed,
                method=_number(directory, position + 10, 2),
                checksum=_number(directory, position + 16, 4),
                offset=offset,
                encrypted=bool(directory[position + 8] & 1),
            )
            if member.name in members:
                raise SpecError(self.name, f"is damaged: it has {member.name[:100]} twice")
            members[member.name] = member
            position = following
        if len(members) != count:
            raise SpecError(
                self.name, f"is damaged: its directory has {len(members)} members, but {count} are declared"
            )
        return members

    def _find_directory(self) -> tuple[int, int, int]:
        """Return the number of members, and the directory's length and position."""
        tail_start = max(0, self._size - END_LENGTH - 0xFFFF)  # a comment may follow
        tail = self._bytes_at(tail_start, self._size - tail_start, "the end")
        at = tail.rfind(END)
        while at >= 0 and at + END_LENGTH + _number(tail, at + 20, 2) != len(tail):  # within the comment
            at = tail.rfind(END, 0, at)
        if at < 0:
            raise SpecError(self.name, "is truncated, or not a zip archive: it has no directory at its end")
        locator_start = tail_start + at - LOCATOR_LENGTH
        locator = (
            self._bytes_at(locator_start, LOCATOR_LENGTH, "the directory") if locator_start >= 0 else b""
        )
        if locator.startswith(LOCATOR_64):
            end = self._bytes_at(_number(locator, 8, 8), END_64_LENGTH, "the end of the directory")
            if not end.startswith(END_64):
                raise SpecError(self.name, "is damaged: the end of its directory is invalid")
            return _number(end, 32, 8), _number(end, 40, 8), _number(end, 48, 8)
        return _number(tail, at + 10, 2), _number(tail, at + 12, 4), _number(tail, at + 16, 4)


def _number(content: bytes, position: int, count: int) -> int:
    return int.from_bytes(content[position : position + count], "little")


def _large_numbers(numbers: list[int], extra: bytes) -> list[int]:
    """Return size, packed size and offset, those above 4 GiB from the extra field."""
    position = 0
    while IN_ZIP64 in numbers and position + 4 <= len(extra):
        field, length = _number(extra, position, 2), _number(extra, position + 2, 2)
        position += 4
        if field == 1:
            places = [index for index, number in enumerate(numbers) if number == IN_ZIP64]
            for place, at in zip(places, range(position, position + length - 7, 8), strict=False):
                numbers[place] = _number(extra, at, 8)
            break
        position += length
    return numbers


def open_model(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a model file, which must be a file and not a pipe, because parts of it are skipped.

    Raises
    ------
    SpecError
        It cannot be opened.
    """
    name = os.fspath(path)
    try:
        stream = open_input(path)
    except OSError as error:
        raise SpecError(name, describe_os_error(error)) from None
    if not stream.seekable():
        stream.close()
        raise SpecError(name, "is a pipe, of which parts cannot be skipped; write it to a file")
    return stream


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open a zip archive and read its directory.

    Raises
    ------
    SpecError
        It cannot be opened, is not a zip archive, or is damaged.

    Examples
    --------
    >>> with open_archive("model.keras") as archive:  # doctest: +SKIP
    ...     config = archive.read_json("config.json")
    """
    stream = open_model(path)
    try:
        return Archive(stream, os.fspath(path))
    except BaseException:
        stream.close()
        raise


def read_json_file(path: str | os.PathLike[str]) -> object:
    """Return the content of a JSON file.

    Raises
    ------
    SpecError
        It cannot be read, is too large, or is not JSON.
    """
    name = os.fspath(path)
    with open_model(path) as stream:
        try:
            content = stream.read(MAX_MEMBER + 1)
        except OSError as error:
            raise SpecError(name, describe_os_error(error)) from None
    if len(content) > MAX_MEMBER:
        raise SpecError(name, f"is larger than {MAX_MEMBER:,} bytes, the limit for JSON")
    return parse_json(content, name)


def check_parsed_size(content: bytes, name: str) -> None:
    """Refuse JSON whose objects would take too much memory.

    Raises
    ------
    SpecError
        They would.
    """
    if 240 * content.count(b"{") + 100 * content.count(b"[") + 40 * content.count(b",") > MAX_PARSED:
        raise SpecError(name, "has too many values for a model")


def parse_json(content: bytes, name: str) -> object:
    """Parse JSON, of which the objects would fit into memory.

    What it returns may be nested as deep as Python's recursion limit, so walk it without recursion, or to a
    limited depth.

    Raises
    ------
    SpecError
        It is not JSON, it has too many values, or it is nested too deeply.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2]}', "model.json")
    {'a': [1, 2]}
    >>> parse_json(b"[1, 2", "model.json")
    Traceback (most recent call last):
    ...
    convcli.errors.SpecError: model.json: is not valid JSON: Expecting ',' delimiter: line 1 column 6 (char 5)
    """
    import json

    check_parsed_size(content, name)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise SpecError(name, "is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise SpecError(name, f"is not text: byte {error.start} is 0x{content[error.start]:02x}") from None
    except ValueError as error:
        raise SpecError(name, f"is not valid JSON: {str(error)[:100]}") from None
