"""The progress of a batch: a bar on a terminal, with the rate and the remaining time."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from convcli.cli.terminal.output import stderr_is_terminal
from convcli.signals import cleanup_at_signal

if TYPE_CHECKING:
    from rich.progress import Progress


__all__ = ["FileProgress", "file_progress"]


class FileProgress:
    """The progress bar of a batch, if it has one.

    Parameters
    ----------
    total : int or None
        Number of files; None if nobody knows.
    shown : ExitStack
        Ends the bar.
    """

    def __init__(self, total: int | None, shown: ExitStack) -> None:
        self._total, self._shown = total, shown
        self._done = 0
        self._bar: Progress | None = None

    def start(self) -> None:
        """Show the bar."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TaskProgressColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: "object") -> Text:
                speed = getattr(task, "speed", None) or 0
                return Text(f"{speed:.1f}/s")

        several = (MofNCompleteColumn(), BarColumn(None), Rate())
        columns = several if self._total != 1 else (TaskProgressColumn(), BarColumn(None))
        console = Console(file=sys.stderr)
        self._bar = bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._shown.enter_context(cleanup_at_signal(bar.stop))
        self._shown.enter_context(bar)
        self._task = bar.add_task("", total=self._total)

    def advance(self) -> None:
        """Count one more file."""
        self._done += 1
        self.show_share(0)

    def show_share(self, share: float) -> None:
        """Show how much of a large picture is done, also if it is the only one."""
        if self._bar is None and share and stderr_is_terminal():
            self.start()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done + share)

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
    with ExitStack() as shown:
        progress = FileProgress(total, shown)
        if total not in (0, 1) and stderr_is_terminal():
            progress.start()
        yield progress
