"""The compiled core, in C. Each function releases the interpreter's lock while it works.

Images are anything with the buffer protocol, of a native dtype: numpy arrays, or memoryviews of bytes. They
are (H, W) or (H, W, C), in which the channels of a pixel are contiguous; rows and pixels may have any
distance. An output must not overlap an input.
"""

from typing_extensions import Buffer

def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that this processor and the core have, the best first: one of them runs."""

def instruction_set() -> str:
    """Return the one that runs."""

def use_instruction_set(name: str) -> None:
    """Select one of `instruction_sets`, for tests. Raises ValueError for any other."""

def extremes(image: Buffer) -> tuple[int, int]:
    """Return the smallest and the largest value of a uint8 or uint16 image that is not empty."""
