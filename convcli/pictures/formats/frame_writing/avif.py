"""AVIF sequences, written by Pillow."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import OutputError
from convcli.pictures.formats.frame_reading.frames import DEFAULT_DURATION, FrameInfo

__all__ = ["AvifFrames"]


class AvifFrames:
    """Collects pictures, because the encoder predicts one from another."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.options: Mapping[str, Any] = {}  # those of the first frame
        self.images: list[Image.Image] = []
        self.durations: list[int] = []

    def add(self, pixels: NDArray[np.uint8], info: FrameInfo, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Add a frame and return notes about what is not kept.

        Raises
        ------
        OutputError
            It differs in size from the first.
        """
        image = Image.fromarray(pixels)
        if not self.images:
            self.options = options
        elif image.size != self.images[0].size:
            size, first = (f"{height}x{width}" for width, height in (image.size, self.images[0].size))
            raise OutputError(
                self.name,
                f"frame {len(self.images)} is {size}, but the first is {first}, and the frames of an avif "
                "are alike; use tiff",
            )
        duration = DEFAULT_DURATION if info.duration is None else info.duration
        self.images.append(image)
        self.durations.append(round(duration))
        return () if round(duration) == duration else ("durations are rounded to milliseconds",)

    def finish(self) -> list[bytes]:
        """Return the file.

        Raises
        ------
        OutputError
            The encoder fails.
        """
        memory = io.BytesIO()
        first, *others = self.images
        try:
            first.save(memory, save_all=True, append_images=others, duration=self.durations, **self.options)
        except MemoryError:
            raise
        except Exception as error:  # an encoder may raise anything
            why = f"the avif encoder failed: {str(error) or type(error).__name__}"
            raise OutputError(self.name, why) from None
        return [memory.getvalue()]
