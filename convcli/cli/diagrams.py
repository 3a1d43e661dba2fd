"""What ``params NETWORK -o FILE`` draws, and where it goes."""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from convcli.cli.forms import Costs, Form
from convcli.cli.output import escaped, write
from convcli.cli.standard_input import STANDARD_INPUT, STREAM, input_name
from convcli.cli.summaries import params_summary
from convcli.errors import UsageError
from convcli.files import Identities, check_target, write_atomically
from convcli.network.diagrams import network_diagram, network_drawing
from convcli.network.networks import Network
from convcli.network.pages import network_page
from convcli.network.sources import shipped, title_of
from convcli.network.tables import params_table
from convcli.svg import drawn_svg

__all__ = ["Picture", "checked_picture"]

MOST_LETTERS = 200  # of a title: a network that was typed may be long


class Format(StrEnum):
    """What a diagram is written as."""

    SVG = ".svg"
    HTML = ".html"


_FORMATS = {".svg": Format.SVG, ".html": Format.HTML, ".htm": Format.HTML}


class Picture(NamedTuple):
    """A diagram to be drawn.

    Attributes
    ----------
    target : str
        The file; ``-`` for standard output.
    network : str or None
        What was typed for the network; None for a layer that is given by options.
    form : Format
    files_read : Identities
    replace : bool
        Whether the file may exist.
    """

    target: str
    network: str | None
    form: Format
    files_read: Identities
    replace: bool

    def draw(self, network: Network, costs: Costs, *, by_block: bool = False, dense: bool = False) -> None:
        """Draw a network and write the file.

        Raises
        ------
        UsageError
            It has too many layers.
        OutputError
            The file cannot be written.
        """
        title, about = self._title(network)
        drawing = network_drawing(network_diagram(network, by_block=by_block), title)
        if self.form == Format.SVG:
            text = drawn_svg(drawing)
        else:
            table = params_table(network, by_block=by_block, versus_dense=dense)
            text = network_page(drawing, table, about=about, facts=params_summary(network, costs))
        if self.target == STREAM:
            write(text)
            return
        content = text.encode()
        write_atomically(
            self.target, lambda stream: stream.write(content), replace=self.replace, inputs=self.files_read
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What a person is told of it."""
        return [("written", escaped(self.target))]

    @property
    def record(self) -> dict[str, object]:
        """What JSON has of it."""
        return {"diagram": self.target}

    def tell(self) -> None:
        """Print where it is, unless that is where it was written to."""
        if self.target != STREAM:
            write(f"{self.target}\n")

    def _title(self, network: Network) -> tuple[str, str]:
        """Return the title of the drawing, and what a page says below it."""
        if self.network is None:
            return network.layers[0].text, ""
        name = self.network.strip().lower()
        if name in shipped():
            return name, title_of(name)
        if name.endswith(".net"):
            return Path(self.network.strip()).name, ""
        return escaped(" ".join(input_name(self.network).split()))[:MOST_LETTERS], ""


def checked_picture(target: str, network: str | None, form: Form, *, force: bool) -> Picture:
    """Check, before any work is done, that a diagram can be written there.

    Raises
    ------
    UsageError
        Its name ends in no format for diagrams; or it is standard output, where something else goes.
    OutputError
        The file may not be written.
    """
    if target == STREAM:
        if form == Form.SHOWN:
            raise UsageError("-o -", "svg is not for a terminal; redirect it")
        if form != Form.TSV:
            raise UsageError("-o -", f"is standard output, where --{form} goes; name a file")
        return Picture(target, network, Format.SVG, Identities(()), force)
    suffix = Path(target).suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError(target, f"a diagram is drawn as {', '.join(Format)}")
    files_read = Identities([] if network is None else [STANDARD_INPUT if network == STREAM else network])
    check_target(target, files_read, replace=force)
    return Picture(target, network, _FORMATS[suffix], files_read, force)
