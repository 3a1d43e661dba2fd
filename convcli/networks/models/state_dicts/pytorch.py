"""Reads PyTorch's files of weights: zip archives, and the format before PyTorch 1.6."""

import os
from typing import BinaryIO, NoReturn

from convcli.errors import SpecError
from convcli.networks.models.archives import MAX_MEMBER, Archive
from convcli.networks.models.state_dicts.pickles import (
    PickleError,
    TruncatedPickleError,
    Unpickled,
    read_pickle,
)
from convcli.networks.models.state_dicts.rebuilding import Mapped, Rebuilt
from convcli.networks.models.state_dicts.tensors import BITS, StateDict, StoredTensor, marked_as_shared

__all__ = ["read_pytorch"]

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the old format
PREFERRED = (
    "state_dict", "model_state_dict", "model", "net", "network", "module", "ema", "model_ema", "params_ema",
    "params", "weights", "generator", "g_ema", "teacher", "student",
)  # fmt: skip
MAX_DEPTH = 16
MAX_NAMED = 100_000_000  # characters of all names
FIRST_PART = 4 << 20  # bytes of an old file that are read first: most have their names and shapes there


def read_pytorch(stream: BinaryIO, path: str) -> StateDict:
    """Read the names and shapes of the tensors in a file of PyTorch.

    Raises
    ------
    SpecError
        The file is damaged, in a format that is not read, names code, or holds no tensors.
    """
    try:
        return _read_any(stream, path)
    except PickleError as error:
        _fail(path, error)


def _read_any(stream: BinaryIO, path: str) -> StateDict:
    start = stream.read(264)
    stream.seek(0)
    if start.startswith(b"PK"):
        return _read_zip(Archive(stream, path), path)
    if start[257:262] == b"ustar" or start.startswith((b"sys_info", b"pickle")):
        raise SpecError(
            path,
            "is in PyTorch's tar format (before 0.1.10): load it with PyTorch and save its state dict again",
        )
    if not start.startswith(b"\x80"):
        raise SpecError(path, "is not a file of weights: neither a zip archive nor a pickle")
    return _read_old(stream, path)


def _read_zip(archive: Archive, path: str) -> StateDict:
    members = archive.members
    pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
    prefix = pickles[0].removesuffix("data.pkl") if len(pickles) == 1 else ""
    if f"{prefix}constants.pkl" in members or any(name.startswith(f"{prefix}code/") for name in members):
        raise SpecError(
            path, "is TorchScript: export the module with torch.export.save as .pt2, or save its state dict"
        )
    if any(name.endswith("/archive_format") for name in members):
        raise SpecError(path, "is an exported program of PyTorch: give its name the ending .pt2")
    if not prefix:
        raise SpecError(path, "is a zip archive without the data.pkl of PyTorch's files of weights")
    unpickled = read_pickle(archive.read(pickles[0]))
    found = _StateDictFinder(path).find(unpickled.value)
    for name, tensor in found.tensors:
        storage = tensor.storage
        if storage is None:
            continue
        member = members.get(f"{prefix}data/{storage.key}")
        size = -(-storage.elements * BITS[storage.dtype] // 8)
        if member is None or member.size < size:
            has = "they are missing" if member is None else f"there are {member.size:,}"
            raise SpecError(
                f"{path}:{name[:100]}", f"has {size:,} bytes of values in {storage.key[:50]}, but {has}"
            )
    return found.state_dict()


def _read_old(stream: BinaryIO, path: str) -> StateDict:
    """Read the format before PyTorch 1.6: a magic number, a version, the system, and then the tensors."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    content = stream.read(min(FIRST_PART, size))
    try:
        unpickled, has_values = _read_parts(content)
    except TruncatedPickleError:
        if len(content) == size:
            raise
        content += stream.read(min(MAX_MEMBER, size) - len(content))
        unpickled, has_values = _read_parts(content)
    found = _StateDictFinder(path).find(unpickled.value)
    if has_values:
        _check_values(found.tensors, size - unpickled.end, path)
    return found.state_dict()


def _read_parts(content: bytes) -> tuple[Unpickled, bool]:
    """Return the last of the four pickles of the old format, or the only one of another file, and which."""
    unpickled = read_pickle(content)
    has_values = unpickled.value == MAGIC
    for _ in range(3 * has_values):
        unpickled = read_pickle(content, unpickled.end)
    return unpickled, has_values


def _check_values(tensors: "list[tuple[str, Rebuilt]]", follow: int, path: str) -> None:
    """Refuse a file of the old format that ends within the values, which follow the names and shapes."""
    storages = {tensor.storage.key: tensor.storage for _, tensor in tensors if tensor.storage is not None}
    needed = sum(-(-each.elements * BITS[each.dtype] // 8) for each in storages.values())
    if follow < needed:
        raise SpecError(
            path, f"is truncated: it needs {needed:,} bytes of values, but has at most {follow:,}"
        )


def _fail(path: str, error: PickleError) -> NoReturn:
    why = str(error)
    if " " in why:
        raise SpecError(path, f"is damaged, or not a file of weights: {why}") from None
    raise SpecError(
        path,
        f"names {why}, which is code and no weights, so it is refused; save model.state_dict() alone, or as "
        ".safetensors",
    ) from None


class _StateDictFinder:
    """Finds the state dict in what a file holds: itself, or an entry such as ``state_dict`` or ``model``.

    Attributes
    ----------
    tensors : list of (str, Rebuilt)
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._entry: list[str] = []
        self._total = 0
        self.tensors: list[tuple[str, Rebuilt]] = []

    def find(self, value: object) -> "_StateDictFinder":
        """Look for the tensors in a value."""
        everything = self._tensors_in(value)
        if not everything:
            raise SpecError(self._path, "holds no tensors")
        self._total = len(everything)
        for _ in range(MAX_DEPTH):
            entries = _entries(value)
            if any(isinstance(entry, Rebuilt) for _, entry in entries):
                break
            with_tensors = {name: entry for name, entry in entries if self._tensors_in(entry)}
            chosen = next((name for name in PREFERRED if name in with_tensors), None)
            if chosen is None and len(with_tensors) == 1:
                chosen = next(iter(with_tensors))
            if chosen is None:
                break
            self._entry.append(chosen)
            value = with_tensors[chosen]
        self.tensors = list(dict(self._tensors_in(value)).items())  # as in Python, the last of a name counts
        return self

    def _tensors_in(self, value: object) -> list[tuple[str, Rebuilt]]:
        """Return all tensors within a value, named by the path to each; a list or dictionary counts once."""
        found: list[tuple[str, Rebuilt]] = []
        seen: set[int] = set()
        named = 0
        remaining: list[tuple[str, object, int]] = [("", value, 0)]
        while remaining:
            name, each, depth = remaining.pop()
            if isinstance(each, Rebuilt):
                found.append((name or "tensor", each))
            elif isinstance(each, Mapped | list | tuple) and depth < MAX_DEPTH:
                identity = id(each.pairs) if isinstance(each, Mapped) else id(each)
                if identity in seen:
                    continue
                seen.add(identity)
                prefix = f"{name}." if name else ""
                for key, entry in reversed(_entries(each)):
                    if isinstance(entry, Rebuilt | Mapped | list | tuple):
                        named += len(prefix) + len(key)
                        if named > MAX_NAMED:
                            raise SpecError(self._path, "has too many tensors, or names that are too long")
                        remaining.append((f"{prefix}{key}", entry, depth + 1))
        return found

    def state_dict(self) -> StateDict:
        """Return the tensors that were found.

        Raises
        ------
        SpecError
            A tensor reaches beyond its values, or has no data type.
        """
        placed: list[tuple[StoredTensor, object]] = []
        for name, tensor in self.tensors:
            storage = tensor.storage
            if tensor.dtype not in BITS:
                raise SpecError(f"{self._path}:{name[:100]}", "has a data type that is not known")
            if storage is not None and tensor.reach > storage.elements:
                raise SpecError(
                    f"{self._path}:{name[:100]}",
                    f"reads up to value {tensor.reach:,} of {storage.elements:,}",
                )
            place = None if storage is None else (storage.key, tensor.offset, tensor.shape)
            placed.append((StoredTensor(name, tensor.shape, tensor.dtype), place))
        return StateDict(
            self._path, marked_as_shared(placed), ".".join(self._entry), self._total - len(placed)
        )


def _entries(value: object) -> list[tuple[str, object]]:
    """Return the entries of a dictionary or list, by name or number."""
    if isinstance(value, Mapped):
        return [(str(key)[:1000], entry) for key, entry in value.pairs if isinstance(key, str | int)]
    if isinstance(value, list | tuple) and not isinstance(value, Rebuilt):
        return [(str(number), entry) for number, entry in enumerate(value)]
    return []
