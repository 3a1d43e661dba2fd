"""Limits on the size of a picture, in pixels and in memory, checked before its pixels are read.

Uses only the standard library, because the limits are checked before numpy is loaded.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from convcli.errors import ImageError, PictureTooLargeError
from convcli.pictures.raster import held_bytes

__all__ = ["DEFAULT_LIMITS", "MAX_PIXELS", "Limits", "Size"]

MAX_PIXELS = 1 << 28  # 268 million
MAX_PICTURES_COMPOSED = 256  # of the largest size: frames that lie over each other
MIN_CHECKED_BYTES = 1 << 25  # bytes: allocating less is faster than asking how much memory is free
UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 1000))
Size = tuple[int, int, int]
"""Height, width and channels."""


class Limits(NamedTuple):
    """The maximum size of a picture, and of what is computed from it.

    Attributes
    ----------
    pixels : int
    memory : int or None
        Bytes (default: the memory that is available at the time of the check).
    processes : int
        How many processes share the memory.
    result_bytes : callable or None
        Returns the bytes that the results of a picture take, given its size, the bytes per value, and whether
        it holds numbers that are not pixels.
    kept_result_bytes : callable or None
        Returns, for the same, the bytes that stay in memory of the results of one of several pictures while
        the next are read.
    held : int
        Bytes that are held already, of the results of other pictures.

    Examples
    --------
    >>> Limits(pixels=100).check("photo.png", (10, 11, 3), 1)
    Traceback (most recent call last):
    ...
    convcli.errors.PictureTooLargeError: photo.png: has 11x10 = 110 pixels, more than 100; \
raise the limit with --max-pixels
    >>> Limits(memory=500_000_000).check("photo.png", (16_000, 16_000, 3), 2)
    Traceback (most recent call last):
    ...
    convcli.errors.PictureTooLargeError: photo.png: needs about 1.54 GB of memory but may use only 500 MB; \
raise the limit with --max-memory
    """

    pixels: int = MAX_PIXELS
    memory: int | None = None
    processes: int = 1
    result_bytes: Callable[[Size, int, bool], int] | None = None
    kept_result_bytes: Callable[[Size, int, bool], int] | None = None
    held: int = 0

    def holding(self, held: int) -> "Limits":
        """Return the same limits while the results of other pictures take `held` bytes."""
        return self._replace(held=held)

    def kept_bytes(self, size: Size, itemsize: int, numbers: bool) -> int:
        """Return the bytes that the results of one of several pictures take until all are written."""
        return 0 if self.kept_result_bytes is None else self.kept_result_bytes(size, itemsize, numbers)

    def check(
        self,
        name: str,
        size: Size,
        itemsize: int,
        *,
        decoder_bytes: int = 0,
        taken_bytes: int = 0,
        numbers: bool = False,
    ) -> None:
        """Refuse a picture that is larger than the limits.

        Parameters
        ----------
        name : str
            The name to use in messages.
        size : (int, int, int)
            Height, width and channels.
        itemsize : int
            Bytes per value.
        decoder_bytes : int
            Additional bytes that decoding takes.
        taken_bytes : int
            How many of these the process has taken already, so that they do not count as available.
        numbers : bool
            Whether it holds numbers that are not pixels.

        Raises
        ------
        PictureTooLargeError
            It has too many pixels, or would take too much memory.
        """
        height, width, _ = size
        if width * height > self.pixels:
            raise PictureTooLargeError(
                name,
                f"has {width}x{height} = {width * height} pixels, more than {self.pixels}; "
                "raise the limit with --max-pixels",
            )
        results = 0 if self.result_bytes is None else self.result_bytes(size, itemsize, numbers)
        needed = held_bytes(size, itemsize, is_numeric=numbers) + max(decoder_bytes, results)
        self.check_bytes(name, needed + self.held, taken_bytes)

    def check_frames(self, name: str, count: int, width: int, height: int) -> None:
        """Refuse an animation whose frames together have too many pixels to be composed quickly.

        Raises
        ------
        ImageError
            Together, they have more than 256 times the pixels of the largest picture that is allowed.
        """
        if count * width * height > MAX_PICTURES_COMPOSED * self.pixels:
            raise ImageError(
                name,
                f"has {count} frames of {width}x{height} pixels that lie over each other, "
                "which would take long to decode; raise the limit with --max-pixels",
            )

    def check_bytes(self, name: str, needed: int, taken: int = 0) -> None:
        """Refuse a picture that needs more memory than is allowed; some of it may be taken already.

        Raises
        ------
        PictureTooLargeError
            It needs more.
        """
        if needed <= MIN_CHECKED_BYTES and self.memory is None:
            return
        allowed = self.allowed()
        if allowed is not None and self.memory is None:
            allowed += taken
        if allowed is None or needed <= allowed:
            return
        share, other = (
            ("", "") if self.processes == 1 else (f" as one of {self.processes} processes", "use -j 1 or ")
        )
        raise PictureTooLargeError(
            name,
            f"needs about {_format_bytes(needed)} of memory but may use only "
            f"{_format_bytes(allowed)}{share}; {other}raise the limit with --max-memory",
        )

    def allowed(self) -> int | None:
        """Return how many bytes one of the processes may use, or None if the system does not report it."""
        memory = free_memory() if self.memory is None else self.memory
        return None if memory is None else memory // self.processes


DEFAULT_LIMITS = Limits()


def _format_bytes(number: int) -> str:
    """Format a number of bytes for a person to read."""
    if number >= 10**18:
        return "more than a million TB"
    unit = next((unit for unit in UNITS if number >= unit[1]), UNITS[-1])
    return f"{number / unit[1]:.3g} {unit[0]}"


def free_memory(root: Path = Path("/")) -> int | None:
    """Return how many more bytes this process may use, or None if the system does not report it.

    This is the smallest of: the memory available on the machine, what is left of the limits of the control
    groups (inactive file cache counts as free, because it can be reclaimed), and what is left of the limit on
    address space. The files of the system are read below `root`.

    Source: Linux, Documentation/filesystems/proc.rst, admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst.
    """
    amounts = [*_machine_memory(root), *_control_group_memory(root), *_address_space(root)]
    return max(0, min(amounts)) if amounts else None


def _machine_memory(root: Path) -> Iterator[int]:
    fields = _read_numbers(root / "proc/meminfo")
    if "MemAvailable:" in fields:
        yield fields["MemAvailable:"] * 1024
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _control_group_memory(root: Path) -> Iterator[int]:
    """Yield what is left of each limit, in the control group of this process and in those above it."""
    for line in _read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = base / path.strip("/")
        # In a container, only its own group may be visible, as the topmost one.
        for folder in (group, *group.parents):
            limit, used = (_read_text(folder / name).strip() for name in names[:2])
            if limit.isdecimal() and used.isdecimal():
                yield int(limit) - int(used) + _read_numbers(folder / "memory.stat").get(names[2], 0)
            if folder == base:
                break


def _address_space(root: Path) -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _read_text(root / "proc/self/statm").partition(" ")[0]
    if limit != resource.RLIM_INFINITY and taken:
        yield limit - int(taken) * resource.getpagesize()


def _read_numbers(file: Path) -> dict[str, int]:
    """Return the numbers in a file whose lines hold a name and a number."""
    lines = (line.split() for line in _read_text(file).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
