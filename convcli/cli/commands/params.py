"""``convcli params``: parameters and costs of a layer or a network."""

from typing import TYPE_CHECKING, Annotated

from convcli.cli.completion.completers import enum_values, networks
from convcli.cli.options import declarations as options
from convcli.cli.options.grouping import read_grouping
from convcli.cli.options.parameters import Option
from convcli.cli.options.single_layer import LayerOptions
from convcli.cli.reports.expectations import Checks
from convcli.cli.reports.layers import note_channels_first
from convcli.cli.reports.summaries import CostUnits
from convcli.cli.reports.table_formats import TableFormat
from convcli.errors import UsageError, parse_choice
from convcli.networks.costs.units import Dtype
from convcli.networks.layer_types.base import Size
from convcli.networks.text.input_sizes import layer_input, with_channels
from convcli.sizes.text import parse_count

if TYPE_CHECKING:
    from convcli.cli.diagram_files import DiagramFile
    from convcli.cli.reports.costs import CostReport
    from convcli.networks.network import Network

__all__ = ["params"]

TWO_SIZES = "two sizes of --n"
LAYER_OPTIONS = "--f, --c-out and similar options"
COSTS = ("--train", "--optimizer", "--traffic", "--device")
NOT_FOR_WEIGHTS = (
    "--against", "-o", "--by-block", "--versus-dense", "--batch", "--dtype", "--as-net", *COSTS,
)  # fmt: skip
NETWORK_ONLY = ("--weights", "--against", "--versus-dense", "--by-block", "--depth", TWO_SIZES)
FOR_ONE_NETWORK = ("--batch", "--dtype", "--versus-dense", "-o")
FOR_USUAL_COSTS = ("--against", TWO_SIZES, "--versus-dense", "-o")
EXCLUSIONS = {  # the options with which each cannot be combined
    "--list": (
        "-o", "--against", "--n", LAYER_OPTIONS, "--batch", "--dtype", "--max-params", "--expect",
        "--by-block", "--depth", "--versus-dense", *COSTS, "--as-net", "--weights", "--repeats",
    ),
    "--against": FOR_ONE_NETWORK,
    TWO_SIZES: FOR_ONE_NETWORK,
    "--as-net": (
        "--json", "--csv", "--md", "--text", "-o", "--against", TWO_SIZES, "--by-block", "--versus-dense",
        *COSTS, "--batch", "--dtype", "--depth", "--weights",
    ),
    "--train": ("--traffic", "--device", *FOR_USUAL_COSTS),
    "--traffic": FOR_USUAL_COSTS,
    "--device": FOR_USUAL_COSTS,
    "--repeats": ("--by-block",),
}  # fmt: skip
NEED_NETWORK = {  # with an example
    "--as-net": "model.onnx --as-net",
    "--train": "resnet18 --train",
    "--traffic": "resnet18 --traffic",
    "--device": "resnet18 --device 312T,2039G",
}


def params(
    network: options.NetworkArgument = None,
    f: options.FilterSize = None,
    c_in: Annotated[
        str | None, Option("--c-in", help="Input channels; --n HxWxC also gives them.", metavar="COUNT")
    ] = None,
    c_out: options.OutputChannels = None,
    n: Annotated[
        list[str] | None,
        Option(
            "-n",
            "--n",
            "--input-size",
            help="Input size: n, HxW or HxWxC; LxC for a sound, DxHxWxC for a volume. Give two to compare a "
            "network at two sizes. For several inputs of a model file: NAME=SIZE,NAME=SIZE.",
            metavar="SIZE",
        ),
    ] = None,
    p: options.PaddingOption = "0",
    s: options.Stride = "1",
    d: options.Dilation = "1",
    groups: Annotated[
        str,
        Option(
            "--g",
            "--groups",
            help="Number of channel groups, filtered separately.",
            metavar="COUNT",
            rich_help_panel=options.LAYER,
        ),
    ] = "1",
    no_bias: Annotated[
        bool, Option("--no-bias", help="Leave out the bias.", rich_help_panel=options.LAYER)
    ] = False,
    dense: Annotated[
        str | None,
        Option(
            "--dense",
            help="Use a dense layer with this many units, on an image (--n) or a vector (--c-in).",
            metavar="UNITS",
            rich_help_panel=options.LAYER,
        ),
    ] = None,
    shipped: Annotated[bool, Option("--list", help="List the shipped networks.")] = False,
    against: Annotated[
        str | None,
        Option(
            "--against",
            help="Compare with another network, marking rows that differ. Checks apply to the first network.",
            metavar="NETWORK",
            autocompletion=networks,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        Option(
            "--weights",
            help="Check whether the weights in this file (.safetensors, .pth) fit the network; fail (exit "
            "code 1) if they do not.",
            metavar="FILE",
            rich_help_panel=options.CHECKS,
        ),
    ] = None,
    versus_dense: Annotated[
        bool,
        Option(
            "--versus-dense",
            help="Show what each convolution would cost as a dense layer.",
            rich_help_panel=options.NETWORK,
        ),
    ] = False,
    by_block: options.ByBlock = False,
    depth: options.Depth = None,
    batch: Annotated[
        str | None,
        Option(
            "--batch",
            help="Mini-batch size m, for the totals below the table (for a layer, also "
            "A = m x n_h x n_w x n_c), --train and --traffic (default: 1).",
            metavar="COUNT",
            rich_help_panel=options.COSTS,
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        Option(
            "--dtype",
            help="Data type for all byte counts: fp32, bf16, fp16, fp8 or int8 (default: fp32).",
            metavar="TYPE",
            autocompletion=enum_values("convcli.networks.costs.units:Dtype"),
            rich_help_panel=options.COSTS,
        ),
    ] = None,
    train: Annotated[
        bool,
        Option(
            "--train",
            help="Show the memory of training: weights, gradients, optimizer states, kept activations.",
            rich_help_panel=options.COSTS,
        ),
    ] = False,
    optimizer: Annotated[
        str | None,
        Option(
            "--optimizer",
            help="Optimizer for --train: sgd, momentum or adam (default: sgd).",
            metavar="NAME",
            autocompletion=enum_values("convcli.networks.costs.training:Optimizer"),
            rich_help_panel=options.COSTS,
        ),
    ] = None,
    traffic: Annotated[
        bool,
        Option(
            "--traffic",
            help="Show FLOPs, the bytes that each layer reads and writes, and MACs per byte.",
            rich_help_panel=options.COSTS,
        ),
    ] = False,
    device: Annotated[
        str | None,
        Option(
            "--device",
            help="Add the least time on a device of PEAK FLOP/s and BANDWIDTH bytes/s to --traffic, and "
            "what limits each layer, as in 312T,2039G.",
            metavar="PEAK,BANDWIDTH",
            rich_help_panel=options.COSTS,
        ),
    ] = None,
    max_params: Annotated[
        str | None,
        Option(
            "--max-params",
            help="Fail (exit code 1) if there are more parameters, as in 25M.",
            metavar="COUNT",
            rich_help_panel=options.CHECKS,
        ),
    ] = None,
    expect: options.Expect = None,
    output: Annotated[
        str | None,
        Option(
            "-o", "--output", help="Draw the network as .svg, or as .html with its table.", metavar="FILE"
        ),
    ] = None,
    repeats: Annotated[
        str | None,
        Option(
            "--repeats",
            help="In a drawing (-o), show the layers of a repeat once, in a frame, or all of them "
            "(default: all, once in networks of more than 300 layers).",
            metavar="once|all",
            autocompletion=enum_values("convcli.cli.diagram_files:Repeats"),
            rich_help_panel=options.NETWORK,
        ),
    ] = None,
    force: options.Force = False,
    as_net: Annotated[
        bool,
        Option(
            "--as-net",
            help="Print the network as layer text that reads back to the same counts: a model file becomes "
            "a .net file to edit.",
            rich_help_panel=options.NETWORK,
        ),
    ] = False,
    csv: options.CsvOption = False,
    md: options.MarkdownOption = False,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """Count the parameters and costs of a layer or a network.

    \b
    convcli params --f 5 --c-in 3 --c-out 6               456
    convcli params --n 32x32x3 --f 5 --c-out 6            with its costs
    convcli params --n 128x128x1 --dense 300              4915500
    convcli params resnet18                               one row per layer, and totals
    convcli params vgg11 --n 320x320x3 --max-params 250M  exits with code 1 above 250M
    convcli params model.onnx --depth 1                   a model file, one row per module
    convcli params resnet18 --against resnet34
    convcli params resnet18 -o resnet18.html --force      a diagram with the table
    convcli params model.onnx --as-net > model.net        layer text, to edit
    convcli params resnet18 --train --optimizer adam --batch 32
    convcli params resnet18 --device 312T,2039G           the roofline: least times

    A layer has (f·f·c_in + 1)·c_out parameters. On a terminal, shows the formula in symbols and in numbers;
    with --n, also the activations, the multiply-accumulates (MACs: no bias, no activation) and the dense
    layer between the same sizes. When piped, prints only the number, or tab-separated rows for a network.
    "convcli help layers" shows how to write layers. For a file of weights (.safetensors, .pth), lists its
    tensors; with --depth, its modules.
    """
    options.apply_text_option(text, json=json, csv=csv, markdown=md, output=output)
    output_format = TableFormat.read(json=json, csv=csv, markdown=md)
    checks = Checks.read(expect, max_params)
    units = CostUnits(
        Dtype.FP32 if dtype is None else parse_choice(dtype, Dtype, "dtype"),
        1 if batch is None else parse_count(batch, "batch"),
    )
    grouping = read_grouping(depth, by_block=by_block)
    layer = LayerOptions(f, c_in, c_out, p, s, d, groups, no_bias, dense)
    typed = n or []
    sizes = [layer_input(text) for text in typed] if network is None else []
    values: dict[str, object] = {
        "--list": shipped, "--against": against, TWO_SIZES: len(typed) > 1, "--as-net": as_net,
        "--train": train, "--optimizer": optimizer, "--traffic": traffic, "--device": device,
        "--n": n or None, "--batch": batch, "--dtype": dtype, "--depth": depth, "--by-block": by_block,
        "--versus-dense": versus_dense, "--weights": weights, "-o": output, "--repeats": repeats,
        "--max-params": max_params, "--expect": expect, "--json": json, "--csv": csv, "--md": md,
        "--text": text, LAYER_OPTIONS: layer != LayerOptions(),
    }  # fmt: skip
    given = {option: value not in (None, False) for option, value in values.items()}
    if shipped and network is not None:
        raise UsageError("--list", f"lists all networks; for one of them: convcli params {network[:50]}")
    for option, others in EXCLUSIONS.items():
        for other in others:
            options.check_exclusive({option: given[option], other: given[other]})
    if network is None:
        for option, example in NEED_NETWORK.items():
            if given[option]:
                raise UsageError(option, f"needs a network, as in convcli params {example}")
    # Imports are late, here and below, because loading takes time.
    if shipped:
        from convcli.cli.reports.networks import list_shipped

        list_shipped(output_format)
        return 0
    further = _further_costs(units, train=train, optimizer=optimizer, traffic=traffic, device=device)
    file = None
    if repeats is not None and (network is None or output is None):
        raise UsageError("--repeats", "needs a network and -o, as in convcli params vgg16 -o vgg16.svg")
    if output is not None:
        from convcli.cli.diagram_files import DiagramFile, Repeats

        how = None if repeats is None else parse_choice(repeats, Repeats, "repeats")
        file = DiagramFile.read(output, network, output_format, force=force, repeats=how)
    if network is None:
        if any(given[option] for option in NETWORK_ONLY):
            raise UsageError(
                "NETWORK", "missing; for example: convcli params resnet18; --list shows the shipped networks"
            )
        size = sizes[0] if sizes else None
        for option in ("--batch", "--expect") if size is None and dense is None else ():
            if given[option]:
                raise UsageError(option, "needs the input size: --n")
        wanted = None if batch is None and dtype is None else units
        checks.check(_report_single_layer(layer, size, wanted, file, output_format))
        return 0
    layer.check_absent()
    if weights is not None or _is_state_dict(network):
        from convcli.cli.reports.state_dicts import report_weights

        unsuited = {option: given[option] for option in NOT_FOR_WEIGHTS}
        return report_weights(network, typed, weights, output_format, checks, depth, unsuited)
    from convcli.cli.reports.networks import ParamsRequest, report_layer_text, report_params

    if as_net:
        built = report_layer_text(network, typed[0] if typed else None)
    else:
        request = ParamsRequest(
            network, typed, against, output_format, grouping, units, further, file, versus_dense
        )
        built = report_params(request)
    checks.check(built)
    return 0


def _report_single_layer(
    layer: LayerOptions,
    size: Size | None,
    units: CostUnits | None,
    file: "DiagramFile | None",
    output_format: TableFormat,
) -> "Network":
    """Print the parameters of a layer, and its costs if the input size is known; return its network."""
    from convcli.cli.reports.single_layer import report_convolution, report_dense

    if layer.units is not None:
        dense, input_size = layer.read_dense(layer.units, size)
        built = report_dense(dense, input_size, units, file, output_format)
    else:
        convolution, channels = layer.read_convolution(size)
        sized = None if size is None else with_channels(size, channels)
        built = report_convolution(convolution, channels, sized, units, file, output_format)
    if size is not None:
        note_channels_first(size)
    return built


def _is_state_dict(network: str) -> bool:
    if "." not in network:
        return False
    from convcli.networks.models.reading import is_state_dict  # late: most texts and names have no extension

    return is_state_dict(network)


def _further_costs(
    units: CostUnits, *, train: bool, optimizer: str | None, traffic: bool, device: str | None
) -> "CostReport | None":
    """Return what --train, or --traffic and --device ask for."""
    if optimizer is not None and not train:
        raise UsageError("--optimizer", "needs --train")
    if not (train or traffic or device is not None):
        return None
    from convcli.cli.reports.costs import TrafficReport, TrainingReport
    from convcli.networks.costs.traffic import Device
    from convcli.networks.costs.training import Optimizer

    if train:
        chosen = Optimizer.SGD if optimizer is None else parse_choice(optimizer, Optimizer, "optimizer")
        return TrainingReport.of(units, chosen)
    return TrafficReport(units, None if device is None else Device.parse(device))
