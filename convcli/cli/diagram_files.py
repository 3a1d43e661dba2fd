"""The diagram that ``params NETWORK -o FILE`` draws, and its file."""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from convcli.cli.output_files import (
    HTML_EXTENSIONS,
    check_output_file,
    check_svg_to_stdout,
    extension,
    write_output_file,
)
from convcli.cli.reports.summaries import CostUnits, params_summary
from convcli.cli.reports.table_formats import TableFormat
from convcli.cli.terminal.output import escaped, write
from convcli.drawing.svg import render_svg
from convcli.files.identity import FileIds
from convcli.files.streams import STREAM, input_name
from convcli.networks.diagram.diagram import network_diagram
from convcli.networks.diagram.drawing import network_drawing
from convcli.networks.diagram.page import network_page
from convcli.networks.network import Network
from convcli.networks.rows import Row, table_rows
from convcli.networks.sources import shipped_networks, shipped_title
from convcli.networks.tables import params_table

__all__ = ["DiagramFile", "Repeats"]

MAX_TITLE = 200  # characters: a typed network may be long
MAX_WRITTEN_OUT = 300  # layers of a network whose repeats are all drawn by default


class Repeats(StrEnum):
    """How often the layers of a repeat are drawn."""

    ONCE = "once"
    ALL = "all"


class DiagramFile(NamedTuple):
    """The file that a diagram is written to.

    Attributes
    ----------
    target : str
        The file; ``-`` for standard output.
    network : str or None
        The network as typed; None for a layer given by options.
    files_read : FileIds
    force : bool
        Whether an existing file may be replaced.
    repeats : Repeats or None
        How repeats are drawn; None: once in a network of more than 300 layers.
    """

    target: str
    network: str | None
    files_read: FileIds
    force: bool
    repeats: Repeats | None = None

    @classmethod
    def read(
        cls,
        target: str,
        network: str | None,
        output_format: TableFormat,
        *,
        force: bool,
        repeats: Repeats | None = None,
    ) -> "DiagramFile":
        """Check, before any work is done, that a diagram can be written to a file.

        Parameters
        ----------
        target : str
        network : str or None
            As typed, which may name a file; None for a layer given by options.
        output_format : TableFormat
            Of the table.
        force : bool
        repeats : Repeats, optional

        Raises
        ------
        UsageError
            The extension is not a format for diagrams; or standard output is already used by something else.
        OutputError
            The file may not be written.
        """
        if target == STREAM:
            check_svg_to_stdout(
                None if output_format in (TableFormat.TEXT, TableFormat.TSV) else f"--{output_format}"
            )
            return cls(target, network, FileIds(()), force, repeats)
        files_read = FileIds(() if network is None else (network,))
        check_output_file(target, (".svg", *HTML_EXTENSIONS), "a diagram", files_read, force=force)
        return cls(target, network, files_read, force, repeats)

    def draw(
        self, network: Network, costs: CostUnits, *, by_block: bool = False, versus_dense: bool = False
    ) -> None:
        """Draw a network and write the file.

        Raises
        ------
        UsageError
            The network has too many layers.
        OutputError
            The file cannot be written.
        """
        title, subtitle = self._title(network)
        repeats_once = self.repeats == Repeats.ONCE
        if self.repeats is None and not by_block:
            repeats_once = len(network.layers) > MAX_WRITTEN_OUT
        diagram = network_diagram(network, by_block=by_block, repeats_once=repeats_once)
        drawing = network_drawing(diagram, title)
        if extension(self.target) in HTML_EXTENSIONS:
            rows = table_rows(diagram.network, by_block=by_block)
            if repeats_once:
                rows = [
                    Row(
                        box.stages, f"{box.label} · {box.times} x" if box.times > 1 else box.label,
                        box.stages[0].depth, box.stages[0].name,
                    )
                    for box in diagram.boxes
                ]  # fmt: skip
            table = params_table(network, rows, versus_dense=versus_dense)
            text = network_page(drawing, table, subtitle=subtitle, facts=params_summary(network, costs))
        else:
            text = render_svg(drawing)
        write_output_file(self.target, text.encode(), self.files_read, force=self.force)

    def summary_lines(self) -> list[tuple[str, str]]:
        """Return the line about the file for the summary below a table."""
        return [("written", escaped(self.target))]

    def record(self) -> dict[str, object]:
        """Return the JSON entry about the file."""
        return {"diagram": self.target}

    def print_name(self) -> None:
        """Print the path of the file, unless the diagram went to standard output."""
        if self.target != STREAM:
            write(f"{self.target}\n")

    def _title(self, network: Network) -> tuple[str, str]:
        """Return the title of the drawing and the line below it on a page."""
        if self.network is None:
            return network.layers[0].text, ""
        name = self.network.strip().lower()
        if name in shipped_networks():
            return name, shipped_title(name)
        if name.endswith(".net") or network.model_file:
            return escaped(Path(self.network.strip()).name)[:MAX_TITLE], ""
        return escaped(" ".join(input_name(self.network).split()))[:MAX_TITLE], ""
