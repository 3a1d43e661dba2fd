"""The progress of a batch: a bar on a terminal, with the rate and the remaining time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcli.cli.terminal.output import stderr_is_terminal
from convcli.signals import cleanup_at_signal

if TYPE_CHECKING:
    from rich.progress import Progress


__all__ = ["FileProgress", "file_progress"]


class FileProgress:
    """The progress bar of a batch, if it has one."""

    def __init__(self, bar: "Progress | None", total: int | None) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=total)

    def advance(self) -> None:
        """Count one more file."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Clear the line of the bar while something else is written."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        yield
        self._bar.start()


@contextmanager
def file_progress(total: int | None) -> Iterator[FileProgress]:
    """Show a progress bar for several files, if standard error is a terminal; None: nobody knows how many."""
    if total in (0, 1) or not stderr_is_terminal():
        yield FileProgress(None, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "object") -> Text:
            speed = getattr(task, "speed", None) or 0
            return Text(f"{speed:.1f}/s")

    columns = MofNCompleteColumn(), BarColumn(None), Rate(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    with cleanup_at_signal(bar.stop), bar:
        yield FileProgress(bar, total)
