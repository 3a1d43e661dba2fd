"""The answers of ``convcli shape`` and ``convcli params`` for networks."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.cli.reports.layers import dense_record, groups_record, network_record, note_channels_first
from convcli.cli.reports.summaries import (
    CostUnits,
    comparison_summary,
    dense_on_images,
    params_summary,
    shape_summary,
)
from convcli.cli.reports.table_formats import TableFormat, print_table
from convcli.cli.terminal.output import escaped, message, write, write_json
from convcli.errors import SizeError, SpecError, UsageError
from convcli.files.streams import STREAM, input_name, read_standard_input, refuse_terminal
from convcli.networks.building import build, input_size, likely_size
from convcli.networks.layer_types.base import Size
from convcli.networks.network import Network
from convcli.networks.rows import Grouping
from convcli.networks.sources import (
    MAX_BYTES,
    TextNetwork,
    decode_spec,
    open_network,
    read_spec,
    shipped_networks,
    shipped_title,
)
from convcli.networks.tables import Column, Table, params_table, shape_table
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.input_sizes import sound_hint
from convcli.networks.text.spec import Spec
from convcli.sizes.text import format_size, parse_input

if TYPE_CHECKING:
    from convcli.cli.diagram_files import DiagramFile
    from convcli.cli.reports.costs import CostReport
    from convcli.networks.models.reading import ModelFile


__all__ = [
    "ParamsRequest",
    "build_source",
    "check_has_channels",
    "list_shipped",
    "open_source",
    "report_layer_text",
    "report_params",
    "report_shapes",
    "search_sides",
]

MAX_SIDES = 10_000  # that --valid-sizes tries
MODEL_STARTS = (b"\x08", b"PK", b"{")  # of ONNX, of .pt2 and .keras, of .json


def open_source(text: str) -> "TextNetwork | ModelFile":
    """Read the network that the text is, or that it names; ``-`` is standard input.

    Raises
    ------
    SpecError
        It cannot be read.
    """
    if text != STREAM:
        return open_network(text)
    refuse_terminal("give the layers in quotes, or a file")
    content, name = read_standard_input(MAX_BYTES + 1), input_name(text)
    try:
        return TextNetwork(parse_spec(decode_spec(content, name), name))
    except SpecError as error:
        if not content.startswith(MODEL_STARTS):
            raise
        raise SpecError(error.what, f"{error.why}; give a model file by its name, not as {name}") from None


def build_source(source: "TextNetwork | ModelFile", size: str | None, text: str) -> Network:
    """Build a network; if a shipped one is impossible on that input, the error says how to find one."""
    if not isinstance(source, TextNetwork):
        return source.network(size)
    name = text.strip().lower()
    if size is None or name not in shipped_networks():
        return build(source.spec, None if size is None else parse_input(size))
    sized = input_size(source.spec, parse_input(size))
    try:
        return build(source.spec, sized)
    except SizeError as error:
        hint = f"convcli shape {name} --smallest prints the smallest input that works"
        raise SizeError(error.what, f"{error.why}; {hint}") from None


def _build_compared(text: str, size: str | None) -> Network:
    """Build the network to compare with; errors name --against."""
    try:
        return build_source(open_source(text), size, text)
    except (SizeError, SpecError) as error:
        raise type(error)(f"--against, {error.what}", error.why) from None


def report_shapes(
    text: str, size: str | None, output_format: TableFormat, grouping: Grouping, *, last: bool
) -> Network:
    """Print the sizes of a network, one row per layer; return the network."""
    network = grouping.arranged(build_source(open_source(text), size, text))
    if last:
        output = format_size(network.output)
        write_json({"output": output}) if output_format == TableFormat.JSON else write(f"{output}\n")
    elif output_format == TableFormat.JSON:
        write_json(network_record(network) | _groups_entry(network, grouping))
    else:
        rows = grouping.rows(network, has_headings=output_format == TableFormat.TEXT)
        print_table(shape_table(network, rows), output_format, lambda: shape_summary(network))
    _note_channels_first(network)
    if last or output_format != TableFormat.TEXT:
        _note_dense_on_images(network)
    return network


def _note_dense_on_images(network: Network) -> None:
    """Print the note about a dense layer on an image, where no summary shows it."""
    for layer, why in dense_on_images(network):
        message("note", f"{layer} {why}")


class ParamsRequest(NamedTuple):
    """What ``convcli params`` is asked to print about a network.

    Attributes
    ----------
    network : str
        As typed.
    sizes : sequence of str
        Of the input, as typed: none, one, or two to compare.
    against : str or None
        Another network to compare with.
    output_format : TableFormat
    grouping : Grouping
        Which layers have a row together.
    units : CostUnits
    further : CostReport or None
        The memory of training or the traffic, whose table takes the place of the usual one.
    file : DiagramFile or None
        The drawing; with one, a pipe gets only its name.
    versus_dense : bool
    """

    network: str
    sizes: Sequence[str]
    against: str | None
    output_format: TableFormat
    grouping: Grouping
    units: CostUnits
    further: "CostReport | None" = None
    file: "DiagramFile | None" = None
    versus_dense: bool = False


def report_params(request: ParamsRequest) -> Network:
    """Print the table of a network, or of two side by side; return the first.

    Raises
    ------
    UsageError
        There are more than two sizes.
    """
    sizes, against = request.sizes, request.against
    if len(sizes) > 2:
        raise UsageError("--n", f"{len(sizes)} input sizes; give one, or two to compare")
    source = open_source(request.network)
    first = build_source(source, sizes[0] if sizes else None, request.network)
    first = request.grouping.arranged(first)
    check_has_channels(first)
    if against is None and len(sizes) < 2:
        _print_params(first, request)
        return first
    size = sizes[-1] if sizes else None
    second = (
        build_source(source, size, request.network) if against is None else _build_compared(against, size)
    )
    _print_comparison(first, request.grouping.arranged(second), request)
    return first


def check_has_channels(network: Network) -> None:
    """Check that the parameters can be counted.

    Raises
    ------
    SizeError
        The number of channels of the input is not known.
    """
    if network.params is None and not network.unknown:
        sides = network.input if len(network.input) != 2 else (224, 224)
        hint = f"has no number of channels; add it, as in --n {format_size((*sides, 3))}"
        raise SizeError("input", hint + sound_hint(network.input))


def _print_params(network: Network, request: ParamsRequest) -> None:
    """Print the table of a network, and draw it."""
    output_format, grouping, units, further, file = request[3:8]
    if file is not None:
        file.draw(network, units, by_block=grouping.by_block, versus_dense=request.versus_dense)
    if output_format == TableFormat.JSON:
        record = _record(network, units, grouping)
        record |= {} if file is None else file.record()
        if further is not None:
            further.add_to(record, network)
        if request.versus_dense:
            for layer, stage in zip(record["layers"], network.layers, strict=True):
                layer["dense"] = dense_record(stage)
        write_json(record)
    elif file is not None and output_format == TableFormat.TSV:
        file.print_name()
    else:
        rows = grouping.rows(network, has_headings=output_format == TableFormat.TEXT)
        if further is not None:
            print_table(further.table(network, rows), output_format, lambda: further.summary(network))
        else:
            table = params_table(network, rows, versus_dense=request.versus_dense)
            written = [] if file is None else file.summary_lines()
            print_table(table, output_format, lambda: params_summary(network, units) + written)
    _note_channels_first(network)
    if output_format != TableFormat.TEXT:
        _note_dense_on_images(network)


def _print_comparison(first: Network, second: Network, request: ParamsRequest) -> None:
    """Print the table of two networks side by side."""
    if request.output_format == TableFormat.JSON:
        for network in (first, second):
            write_json(_record(network, request.units, request.grouping))
    else:
        from convcli.networks.comparing import comparison_table  # late: most runs show one network

        table = comparison_table(first, second, request.grouping)
        print_table(table, request.output_format, lambda: comparison_summary(first, second))
    for network in {first.input: first, second.input: second}.values():
        _note_channels_first(network)


def report_layer_text(text: str, size: str | None) -> Network:
    """Print a network as layer text; return it.

    Raises
    ------
    SpecError
        It cannot be written as layer text.
    """
    from convcli.networks.writing import as_layer_text  # late: few runs need it

    network = build_source(open_source(text), size, text)
    title = ""
    if network.model_file or text.strip().lower() in shipped_networks() or text.strip().endswith(".net"):
        title = f"from {escaped(PurePath(text.strip()).name)}"
        title += ", which may have normalization folded into convolutions" * network.is_stored
    write(as_layer_text(network, title))
    return network


def _note_channels_first(network: Network) -> None:
    """Print a note about an input that looks as if its channels came first; a model file states them."""
    if not network.model_file:
        note_channels_first(network.input)


def _record(network: Network, costs: CostUnits, grouping: Grouping) -> dict[str, Any]:
    return network_record(network) | costs.record(network) | _groups_entry(network, grouping)


def _groups_entry(network: Network, grouping: Grouping) -> dict[str, object]:
    """Return the JSON entry about blocks or modules, if there are rows for them."""
    if grouping == Grouping():
        return {}
    return {"blocks" if grouping.by_block else "modules": groups_record(grouping.rows(network))}


def search_sides(
    text: str,
    typed: str | None,
    side_range: str | None,
    *,
    exempt: tuple[int, ...] | None = None,
    json: bool,
) -> None:
    """Print the sides in a range at which every pixel is read, or the smallest side that works.

    Layers of the kernel size `exempt` need not read every pixel.
    """
    # Late: most runs know the size.
    from convcli.networks.searching import first_unread_layer, smallest_side, valid_sides

    network = open_source(text)
    source: Spec | ModelFile = network.spec if isinstance(network, TextNetwork) else network
    size: Size | str | None = typed
    if isinstance(source, Spec) and typed is not None:
        size = likely_size(source, parse_input(typed))
        note_channels_first(size or ())
    if side_range is None:
        found = [smallest_side(source, size)]
    else:
        match = re.fullmatch(r"\s*([0-9]{1,500})\s*\.\.\s*([0-9]{1,500})\s*", side_range)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise SizeError(
                f"--valid-sizes {side_range[:50]!r}", "must be a range of sides, such as 200..260"
            )
        first, end = int(match[1]), int(match[2]) + 1
        if end - first > MAX_SIDES:
            raise SizeError(
                f"--valid-sizes {side_range[:50]}",
                f"is a range of {end - first:,} sides; the limit is {MAX_SIDES:,}",
            )
        found = list(valid_sides(source, size, range(first, end), exempt=exempt))
    if json:
        write_json({"sides": found})
    else:
        write("".join(f"{side}\n" for side in found))
    if not found:
        why = first_unread_layer(source, size, end - 1, exempt=exempt)
        message("note", f"no side in --valid-sizes {side_range} lets every layer read every pixel: {why}")


def list_shipped(output_format: TableFormat) -> None:
    """Print the shipped networks and their sources."""
    rows = []
    for name in shipped_networks():
        network = build(read_spec(name))
        rows.append((name, format_size(network.input), network.params, network.macs, shipped_title(name)))
    if output_format == TableFormat.JSON:
        for row in rows:
            write_json(dict(zip(("name", "input", "params", "macs", "source"), row, strict=True)))
        return
    names, inputs, params, macs, titles = (list(column) for column in zip(*rows, strict=True))
    columns = (
        Column("name", names),
        Column("input", inputs, rank=1),
        Column("params", params),
        Column("MACs", macs, rank=2),
        Column("source", titles, rank=3),
    )
    print_table(
        Table(columns, [0] * len(rows)),
        output_format,
        lambda: [("use", "convcli params resnet18, convcli shape unet")],
    )
