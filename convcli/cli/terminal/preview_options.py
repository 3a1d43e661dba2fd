"""``--preview``: whether results are shown in the terminal, and by which graphics protocol."""

from typing import TYPE_CHECKING, NamedTuple

from convcli.cli.terminal.output import message, stdout_is_terminal
from convcli.errors import parse_choice
from convcli.files.streams import STREAM

if TYPE_CHECKING:
    from convcli.cli.terminal.capabilities import GraphicsProtocol
    from convcli.cli.terminal.previews import Preview


__all__ = ["PreviewRequest"]


class PreviewRequest(NamedTuple):
    """A requested preview, by a given protocol or by the best that the terminal supports."""

    protocol: "GraphicsProtocol | None"

    @classmethod
    def read(cls, preview: bool, protocol: str | None) -> "PreviewRequest | None":
        """Read --preview and --preview-as, which implies --preview; return None if neither is given.

        Raises
        ------
        UsageError
            The protocol is unknown.
        """
        if protocol is not None:
            # Late, here and below: most results are not shown.
            from convcli.cli.terminal.capabilities import GraphicsProtocol

            return cls(parse_choice(protocol, GraphicsProtocol, "--preview-as"))
        return cls(None) if preview else None

    def start(self, *, json: bool, output: str | None) -> "Preview | None":
        """Find out what the terminal can show; if that is nothing, print a note."""
        why = None
        if json:
            why = "--json is for programs"
        elif output == STREAM:
            why = "standard output receives the result itself"
        elif not stdout_is_terminal():
            why = "standard output is not a terminal"
        if why is not None:
            message("note", f"--preview shows nothing: {why}")
            return None
        from convcli.cli.terminal.capabilities import detect_screen
        from convcli.cli.terminal.previews import Preview

        return Preview(detect_screen(self.protocol))
