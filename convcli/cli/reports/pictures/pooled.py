"""What ``explain --pool`` prints about one value of the result: as JSON, bare, and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from convcli.cli.reports.pictures.explained import result_text
from convcli.cli.reports.pictures.kernels import aligned_rows
from convcli.cli.terminal.output import escaped, labeled_text
from convcli.convolution.explaining.pooled import ExplainedPooling, PooledWindow
from convcli.figures.window.captions import number_text, pooled_text
from convcli.files.streams import input_name
from convcli.files.urls import redacted
from convcli.pipeline.explaining import ExplainedPicture
from convcli.sizes.text import format_padding, format_size

__all__ = ["PooledReport"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PooledReport:
    """One value of the result of pooling, in each channel, and the window that it comes from."""

    image: str
    position: tuple[int, int]
    explained: ExplainedPicture

    @property
    def _channels(self) -> list[tuple[str, ExplainedPooling, int | float]]:
        results = cast("tuple[ExplainedPooling, ...]", self.explained.channels)
        pixels = self.explained.pixels(self.position)
        return list(zip(self.explained.names, results, pixels, strict=True))

    def record(self) -> dict[str, object]:
        """Return the JSON record: one channel's keys are at the top level, several are a list."""
        records = [self._channel_record(*channel) for channel in self._channels]
        pooling = self._channels[0][1]
        axes = rows, columns = pooling.axes
        window = pooling.window(*self.position)
        return {
            "input": redacted(self.image),
            "pool": pooling.mode,
            "filter": format_size(axis.window for axis in axes),
            "padding": format_padding(((rows.before, rows.after), (columns.before, columns.after))),
            "stride": format_size(axis.stride for axis in axes),
            "shape_out": format_size(axis.output for axis in axes),
            "row": self.position[0],
            "column": self.position[1],
            "rows": list(window.rows),
            "columns": list(window.columns),
            **({"channels": records} if len(records) > 1 else records[0]),
        }

    def _channel_record(self, name: str, pooling: ExplainedPooling, pixel: int | float) -> dict[str, object]:
        window = pooling.window(*self.position)
        return {
            "channel": name,
            "window": window.values,
            "winners": window.winners,
            "sum": sum(window.counted),
            "count": len(window.counted),
            "value": pooling.result_at(*self.position),
            "pixel": pixel,
        }

    def values_text(self) -> str:
        """Return the values alone, tab-separated."""
        return "\t".join(f"{pooling.result_at(*self.position)}" for _, pooling, _ in self._channels)

    def text(self, files: Sequence[tuple[str, str]]) -> str:
        """Return what a terminal shows; `files` are labels and names of what was drawn."""
        channels = self._channels
        _, first, _ = channels[0]
        size = format_size(axis.window for axis in first.axes)
        location = f"column {self.position[1]}, row {self.position[0]} of the result"
        parts = [f"{escaped(input_name(self.image))}, {first.name} {size}, {location}\n"]
        for name, pooling, pixel in channels:
            parts.append(f"\nchannel {name}\n" if len(channels) > 1 else "\n")
            value = pooling.result_at(*self.position)
            window = pooling.window(*self.position)
            how = (
                number_text(pixel)
                if pixel == value or pixel != pixel
                else f"{number_text(value)}, written as {pixel}"
            )
            lines = [("mean" if pooling.mode == "avg" else "max", pooled_text(window, pooling.mode, value))]
            parts += [_window_text(window), "\n", labeled_text([*lines, ("pixel", how), *files])]
        if self.explained.matrix is not None:
            parts += ["\n", result_text(self.explained.matrix, self.position, "pool")]
        return "".join(parts)


def _window_text(window: PooledWindow) -> str:
    """Return the values of a window, the largest in brackets, padding as a point."""
    cells = [
        [
            _cell_text(value, is_winner=(row, column) in window.winners)
            for column, value in zip(window.columns, line, strict=True)
        ]
        for row, line in zip(window.rows, window.values, strict=True)
    ]
    has_padding = any(value is None for line in window.values for value in line)
    title = "window" + ", [largest]" * bool(window.winners) + ", . padding" * has_padding
    lines = [title, *aligned_rows(cells, "--json has them")]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cell_text(value: int | float | None, *, is_winner: bool) -> str:
    text = "." if value is None else number_text(value)
    return f"[{text}]" if is_winner else f" {text} "
