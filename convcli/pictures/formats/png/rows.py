"""The rows of a picture as PNG stores them: what both engines provide."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["FILTER_TYPES", "NONE", "Compressor", "Rows", "Strip"]

NONE, SUB, UP, AVERAGE, PAETH = FILTER_TYPES = (0, 1, 2, 3, 4)
"""Filter types by their numbers in the file."""


class Strip(NamedTuple):
    """A part of a deflate stream, with the checksum and length of its uncompressed bytes."""

    data: bytes
    checksum: int
    length: int


Compressor = Callable[[int, int], Strip]
"""Compresses the rows from the first number up to, not including, the second."""


class Rows(Protocol):
    """The rows of a picture, converted to the byte layout of PNG on demand.

    Attributes
    ----------
    height, width, channels : int
        Alpha is one of the channels.
    depth : int
        Bits per sample: 8 or 16.
    """

    height: int
    width: int
    channels: int
    depth: int

    @property
    def row_bytes(self) -> int:
        """Return the number of bytes per row, including the filter type."""

    def filtered(self, start: int, stop: int, types: tuple[int, ...]) -> bytes | memoryview:
        """Return rows as PNG stores them: the filter type, then the differences from its predictions.

        Of several types, each row gets the one whose differences have the smallest sum of absolute values.
        """

    def entropy(self, filter_type: int, samples: list[tuple[int, int]]) -> float:
        """Return the number of bits that an ideal entropy code needs for filtered rows."""

    def run_compressor(self, samples: list[tuple[int, int]]) -> Compressor:
        """Return a fast compressor, which finds only runs of equal bytes."""

    def match_compressors(self, best: int) -> list[Compressor]:
        """Return fast compressors that search for matches; the filter type `best` has the lowest entropy."""
