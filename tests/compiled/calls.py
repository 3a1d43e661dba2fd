"""A valid call of each function of the compiled core that takes memory, for tests that damage the arguments."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CALLS", "Call"]


@dataclass(frozen=True)
class Call:
    """Arguments of a function: positional ones, then those by name."""

    positional: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def places(self) -> list[int | str]:
        """Where the arguments stand: positions, then names."""
        return [*range(len(self.positional)), *self.named]

    def replaced(self, place: int | str, value: object) -> "Call":
        """Return the call with another argument."""
        if isinstance(place, str):
            return Call(self.positional, {**self.named, place: value})
        return Call((*self.positional[:place], value, *self.positional[place + 1 :]), self.named)

    def argument(self, place: int | str) -> Any:
        """Return an argument."""
        return self.named[place] if isinstance(place, str) else self.positional[place]


def _picture(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(7).integers(0, 200, shape).astype(dtype)


def _call(*positional: object, **named: object) -> Call:
    return Call(positional, named)


def _png_rows(count: int, size: int) -> Any:
    """Make rows as PNG stores them, each with another filter type before its bytes."""
    rows = _picture(count, size + 1)
    rows[:, 0] = range(1, count + 1)
    return rows.ravel()


def _pooling(
    source: Any, out: Any, mode: str, rows: tuple[int, ...], columns: tuple[int, ...], **weights: Any
) -> Call:
    return _call(source, out, mode=mode, rows=rows, columns=columns, start=0, stop=len(out), **weights)


def _layer(images: Any, weights: Any, target: Any) -> Call:
    return _call(images, weights, target, (3, 2), (2, 1), (1, 2), (-1, 0))


def _correlation(source: Any, out: Any, working: str, *kernels: Any, **named: Any) -> Call:
    """Return a correlation by kernels of 3x3, with a border of one pixel around the image."""
    arguments: dict[str, Any] = {
        "channels": source.shape[2] if source.ndim == 3 else 1,
        "rows": np.r_[0, : source.shape[0], -1],
        "columns": np.r_[1, : source.shape[1], -1],
        "border": 7.0,
        "kernels": kernels,
        "stride": (1, 1),
        "dilation": (1, 1),
        "working": working,
        "combination": "single" if len(kernels) == 1 else "magnitude",
        "single_squares": True,
        "rendering": None,
    }
    return _call(source, out, **(arguments | named))


_TAPS = np.array([[1.0, 0, -1], [2, 5, -2], [3, 0, -3]])
_LINES = (np.array([1.0, 2, 1]), np.array([-1.0, 0, 1]))

_MATRIX = np.zeros((4, 8, 16))  # zeros stay zeros, though they are written in place

CALLS: Mapping[str, list[Call]] = {
    "fourier": [_call(*_MATRIX[:2]), _call(*_MATRIX)],
    "correlate": [
        _correlation(_picture(9, 40), np.zeros((9, 40), np.int16), "h", _TAPS),
        _correlation(_picture(9, 40, 3), np.zeros((9, 40, 3), np.int16), "h", _LINES),
        _correlation(_picture(9, 40), np.zeros((9, 40), np.int32), "i", _TAPS * 20),
        _correlation(
            _picture(6, 50, 4),
            np.zeros((6, 50, 4), np.uint8),
            "h",
            _TAPS,
            _TAPS.T.copy(),
            channels=3,
            rendering=("clip", 0.25, 3.0, True, True, 0.0, 1.0),
        ),
        _correlation(
            _picture(8, 9, dtype=np.float32),
            np.zeros((4, 3), np.float32),
            "f",
            _TAPS,
            stride=(2, 3),
            dilation=(1, 2),
        ),
        _correlation(_picture(8, 9, dtype=float), np.zeros((8, 9)), "d", _LINES, _LINES),
        _correlation(_picture(8, 9), None, "f", _TAPS, rendering=("range", 1.0, 0.0, False, True, 0.0, 1.0)),
    ],
    "measure": [_call(_picture(5, 7)), _call(_picture(4, 6, 3, dtype=np.uint16))],
    "pool": [
        _pooling(_picture(6, 8, 3), np.zeros((3, 4, 3), np.uint8), "max", (2, 2, 0), (2, 2, 0)),
        _pooling(_picture(9, 8, dtype=np.uint16), np.zeros((4, 5), np.uint16), "avg", (5, 2, 1), (3, 2, 1)),
        _pooling(_picture(7, 5, dtype=np.int32), np.zeros((7, 5)), "avg", (7, 1, 3), (3, 1, 1)),
        _pooling(
            _picture(6, 9, 3),
            np.zeros((6, 5, 3), np.uint8),
            "avg",
            (3, 1, 1),
            (2, 2, 1),
            weights=_picture(6, 9),
        ),
        _pooling(_picture(4, 4, 2, dtype=float), np.zeros((1, 2, 2)), "max", (3, 9, 0), (4, 2, 2)),
    ],
    "layer_products": [
        _layer(
            np.ones((2, 6, 7, 3), np.float32),
            np.ones((2, 19, 16), np.float32),
            np.ones((2, 3, 5, 20), np.float32),
        ),
        _layer(np.ones((1, 5, 9, 1)), np.ones((1, 7, 8)), np.ones((1, 2, 7, 3))),
    ],
    "layer_winograd": [
        _call(
            np.ones((2, 9, 6, 17), np.float32),
            np.ones((2, 648, 16), np.float32),
            np.ones((2, 7, 5, 20), np.float32),
            (-1, 1),
        ),
    ],
    "layer_depthwise": [
        _layer(
            np.ones((2, 6, 7, 6), np.float32),
            np.ones((7, 28), np.float32),
            np.ones((2, 3, 5, 12), np.float32),
        ),
        _layer(np.ones((1, 5, 9, 1)), np.ones((7, 9)), np.ones((1, 2, 7, 1))),
    ],
    "entropy": [_call(np.arange(50, dtype=np.uint8).reshape(5, 10))],
    "png_filtered": [
        _call(_picture(5, 7), 1, None, 0, 5, 31),
        _call(_picture(4, 6, 4), 3, None, 1, 3, 5),
        _call(_picture(4, 6, 3, dtype=np.uint16), 3, _picture(4, 6, dtype=np.uint16), 0, 4, 16),
    ],
    "png_strip": [
        _call(_picture(5, 7), 1, None, 0, 5, 0, True, True),
        _call(_picture(4, 6, 4), 3, None, 1, 3, 5, False, False),
        _call(_picture(4, 6, 3, dtype=np.uint16), 3, _picture(4, 6, dtype=np.uint16), 0, 4, 16, False, True),
    ],
    "png_unfilter": [
        _call(_png_rows(3, 7), np.zeros(7, np.uint8), np.zeros((5, 7), np.uint8), 1, 2, 1, 0, 1),
        _call(_png_rows(2, 18), np.zeros(18, np.uint8), np.zeros((4, 6, 3), np.uint16), 3, 1, 2, 1, 2),
    ],
    "png_decoder": [
        _call(zlib.compress(_png_rows(3, 7).tobytes()) + bytes(8), np.zeros((3, 7), np.uint8), 1),
        _call(zlib.compress(_png_rows(2, 18).tobytes()) + bytes(8), np.zeros((2, 6, 4), np.uint8), 3),
    ],
}
