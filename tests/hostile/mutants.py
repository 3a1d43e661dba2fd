"""Damaged picture files, the same for a seed and a number.

``python -m tests.hostile.mutants --seed S --number N -o FILE`` writes one again.
"""

import argparse
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.hostile.mutant_seeds import Seed, chunk, seeds

__all__ = ["COMMANDS", "Mutant", "mutant"]

Change = Callable[[random.Random, bytearray], str]
EDGES = (0, 1, 0x7F, 0x80, 0xFF)
EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
)
HEAD = 64
NASTY_TEXTS = (
    "nan", "-inf", "1e999", "1e-999", ";", ",,", "\n\n", "\n#", "\u2212", "1/0", "\0", "\u0663", "9" * 40,
    "\u2028", "\r", "\x1b[31m", "\ufeff", "\udcff", "0x1", "1_0", "/", "--", "\x1a",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A damaged file.

    Attributes
    ----------
    seed : Seed
        What it was.
    content : bytes
    changes : tuple of str
    command : int
        Which of `COMMANDS` is tried on it.
    cut : bool
        It is a seed without its end.
    """

    seed: Seed
    content: bytes
    changes: tuple[str, ...]
    command: int
    cut: bool = False

    def __str__(self) -> str:
        return f"{self.seed.name}, {', '.join(self.changes)}; {' '.join(COMMANDS[self.command])}"


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("apply", "IN", "--filter", "identity", "--force", "-o", "out.png"),
    ("apply", "IN", "--filter", "identity", "--force", "-o", "out.npy"),
    ("apply", "IN", "--filter", "sobel", "--force", "-o", "out.tiff"),
    ("pool", "IN", "--f", "2", "--force", "-o", "out.png"),
    ("apply", "-", "--filter", "identity", "--force", "-o", "out.tiff"),
    ("apply", "IN", "--filter", "identity", "--frame", "1", "--force", "-o", "out.png"),
)


def mutant(seed: int, number: int) -> Mutant:
    """Return a mutant."""
    rng = random.Random(f"{seed}:{number}")
    original = rng.choice(_all_seeds())
    command = rng.choices(range(len(COMMANDS)), (4, 4, 2, 2, 2, 2))[0]
    if rng.random() < 0.12:
        end = rng.randrange(len(original.content))
        return Mutant(original, original.content[:end], (f"cut at {end}",), command, cut=True)
    data = bytearray(original.content)
    kinds = [*GENERAL, *SPECIAL.get(original.format, ()) * 8]
    changes = tuple(rng.choice(kinds)(rng, data) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    return Mutant(original, bytes(data), changes, command)


@cache
def _all_seeds() -> list[Seed]:
    return seeds()


# Changes of any file -----------------------------------------------------------------------------------


def _place(rng: random.Random, data: bytearray) -> int:
    """Return a position, often in the head, where formats keep sizes."""
    return rng.randrange(max(1, min(len(data), HEAD) if rng.random() < 0.4 else len(data)))


def _block(rng: random.Random, data: bytearray) -> slice:
    start = _place(rng, data)
    return slice(start, min(len(data), start + rng.choice((1, 2, 4, 16, 100, rng.randrange(1, 1000)))))


def _flip(rng: random.Random, data: bytearray) -> str:
    places = [_place(rng, data) for _ in range(rng.randrange(1, 5))]
    for place in places:
        data[place : place + 1] = bytes([(data[place] if data else 0) ^ 1 << rng.randrange(8)])
    return f"bits flipped at {places}"


def _edge(rng: random.Random, data: bytearray) -> str:
    place, value = _place(rng, data), rng.choice(EDGES)
    data[place : place + 1] = bytes([value])
    return f"byte {place} is {value}"


def _field(rng: random.Random, data: bytearray) -> str:
    place, size, value = _place(rng, data), rng.choice((2, 4)), rng.choice(EXTREMES)
    order = rng.choice(("little", "big"))
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type] # one of both
    return f"field {place}:{place + size} is {value:#x} ({order})"


def _delete(rng: random.Random, data: bytearray) -> str:
    block = _block(rng, data)
    del data[block]
    return f"{block.start}:{block.stop} deleted"


def _double(rng: random.Random, data: bytearray) -> str:
    block = _block(rng, data)
    data[block.stop : block.stop] = data[block]
    return f"{block.start}:{block.stop} doubled"


def _swap(rng: random.Random, data: bytearray) -> str:
    first, second = sorted((_place(rng, data), _place(rng, data)))
    size = min(rng.randrange(1, 200), second - first)
    one, other = slice(first, first + size), slice(second, second + size)
    data[one], data[other] = data[other], data[one]
    return f"{first} and {second} swapped, {size} bytes"


def _zero(rng: random.Random, data: bytearray) -> str:
    block = _block(rng, data)
    data[block] = bytes(block.stop - block.start)
    return f"{block.start}:{block.stop} zeroed"


def _insert(rng: random.Random, data: bytearray) -> str:
    place, extra = _place(rng, data), rng.randbytes(rng.randrange(1, 40))
    data[place:place] = extra
    return f"{len(extra)} bytes inserted at {place}"


def _lose_the_end(rng: random.Random, data: bytearray) -> str:
    end = _place(rng, data)
    del data[end:]
    return f"cut at {end}"


def _splice(rng: random.Random, data: bytearray) -> str:
    """Go on as another file that starts with the same byte, which makes it one of the same format, mostly."""
    others = [seed for seed in _all_seeds() if seed.content[:1] == data[:1]] or _all_seeds()
    other = rng.choice(others)
    place = rng.randrange(min(len(other.content), len(data)) + 1)
    data[place:] = other.content[place:]
    return f"{other.name} from {place} on"


GENERAL: list[Change] = [
    _flip, _flip, _edge, _edge, _field, _field, _delete, _double, _swap, _zero, _insert, _lose_the_end, _splice,
]  # fmt: skip


# Changes of a format ------------------------------------------------------------------------------------


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4])
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks


def _mend_png(rng: random.Random, data: bytearray) -> str:
    """Change a chunk and give it a true checksum, so that its decoder is reached."""
    chunks = _png_chunks(bytes(data))
    if not chunks:
        return "no chunks"
    index = rng.randrange(len(chunks))
    kind, content = chunks[index]
    way = rng.choice(("content", "content", "content", "pixels", "drop", "double", "move", "kind"))
    if way == "content":
        content, how = _changed(rng, content)
        chunks[index] = kind, content
        way = f"content: {how}"
    elif way == "pixels":
        way = f"pixels: {_changed_pixels(rng, chunks)}"
    elif way == "kind":
        chunks[index] = (
            rng.choice([kind for kind, _ in chunks] + [b"tRNS", b"fcTL", b"eXIf", b"ABCD"]),
            content,
        )
    else:
        chunks[index : index + 1] = [chunks[index]] * (way == "double")
        if way == "move":
            chunks.insert(rng.randrange(len(chunks) + 1), (kind, content))
    data[8:] = b"".join(chunk(kind, content) for kind, content in chunks)
    return f"chunk {index} {kind!r} {way}"


def _changed(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    changed = bytearray(content)
    how = rng.choice(GENERAL)(rng, changed)
    return bytes(changed), how


def _changed_pixels(rng: random.Random, chunks: list[tuple[bytes, bytes]]) -> str:
    """Change the pixels of a PNG file below their compression, all of which is true."""
    packed = b"".join(content for kind, content in chunks if kind == b"IDAT")
    try:
        pixels, how = _changed(rng, zlib.decompress(packed))
    except zlib.error:
        return "none"
    first = next(index for index, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    chunks[:] = [one for index, one in enumerate(chunks) if index <= first or one[0] != b"IDAT"]
    chunks[first] = b"IDAT", zlib.compress(pixels)
    return how


def _tiff_entry(rng: random.Random, data: bytearray) -> str:
    """Change an entry of a directory, or where the next one is."""
    order: Any = "little" if data[:2] == b"II" else "big"
    directory = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[directory : directory + 2], order)
    if not 0 < count < 100:
        return "no directory"
    place = directory + 2 + 12 * rng.randrange(count + 1)
    offset, size = rng.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 2)))
    known = (
        directory,
        len(data),
        len(data) - 1,
        directory + 2,
        rng.randrange(14),
        rng.randrange(254, 340),
        8,
    )
    value = rng.choice((*EXTREMES, *known))
    start = place if place == directory + 2 + 12 * count else place + offset
    data[start : start + size] = (value % (1 << 8 * size)).to_bytes(size, order)
    return f"entry at {place}, field {start}:{start + size} is {value:#x}"


def _jpeg_segments(data: bytes) -> list[tuple[int, int]]:
    """Return start and end of each segment before the scan, and of the scan with all behind it."""
    segments, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        segments.append((place, min(end, len(data))))
        place = end
    return [*segments, (min(place, len(data)), len(data))]


def _jpeg_segment(rng: random.Random, data: bytearray) -> str:
    segments = _jpeg_segments(bytes(data))
    start, end = rng.choice([*segments, segments[-1], segments[-1]])
    way = rng.choice(("length", "content", "drop", "double", "marker"))
    if way == "length":
        data[start + 2 : start + 4] = rng.choice((0, 1, 2, 3, end - start, 0x7FFF, 0xFFFF)).to_bytes(2)
    elif way == "content":
        content, how = _changed(rng, bytes(data[start + 4 : end]))
        data[start + 4 : end] = content
        way = f"content: {how}"
    elif way == "marker":
        place = rng.randrange(start, end + 1)
        marker = rng.choice((0xD8, 0xD9, 0xDA, 0xC0, 0xC4, *range(0xD0, 0xD8), 0xDD, 0xEE, 0xFE, 0x01))
        data[place:place] = bytes([0xFF, marker])
        way = f"marker {marker:#x} at {place}"
    else:
        data[start:end] = data[start:end] * (2 * (way == "double"))
    return f"segment {start}:{end} {way}"


def _text(rng: random.Random, data: bytearray) -> str:
    place, text = _place(rng, data), rng.choice(NASTY_TEXTS)
    data[place:place] = text.encode("utf-8", "surrogateescape")
    return f"{text!r} at {place}"


def _npy_header(rng: random.Random, data: bytearray) -> str:
    """Write another type or shape over that of a .npy file."""
    shape = ", ".join(
        str(rng.choice((0, 1, 2, 18, 22, 2**31, 2**63, 10**17))) for _ in range(rng.randrange(5))
    )
    kind = rng.choice(("|u1", "<f8", ">i4", "|b1", "<c8", "|O", "<U9", "<M8[s]", "<f16", "|V4", "<u3"))
    order = rng.choice(("True", "False", "None"))
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({shape},), }}"
    data[10:128] = header.encode().ljust(117) + b"\n"
    return header


SPECIAL: dict[str, list[Change]] = {
    "png": [_mend_png], "tiff": [_tiff_entry], "jpg": [_jpeg_segment], "npy": [_npy_header],
    "csv": [_text], "txt": [_text], "pnm": [_text],
}  # fmt: skip


def main() -> None:
    """Write a mutant to a file, and print what it is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    one = mutant(given.seed, given.number)
    given.output.write_bytes(one.content)
    print(one)


if __name__ == "__main__":
    main()
