"""``convcli params``: parameters and costs of a layer, and what a dense layer would cost instead."""

from math import prod
from typing import Annotated, Any

import typer

from convcli.cli.layer_answers import layer_record, network_record
from convcli.cli.options import (
    Dilation,
    FilterSize,
    InputSize,
    JsonOption,
    OutputChannels,
    PaddingOption,
    Stride,
)
from convcli.cli.output import answer_is_shown, shown, write, write_json
from convcli.errors import SizeError, UsageError
from convcli.network.layers import Convolution, Dense, Size
from convcli.sizes import format_size, parse_count, parse_padding, parse_pair, parse_size

__all__ = ["params"]


def params(
    f: FilterSize = None,
    c_in: Annotated[
        str | None, typer.Option("--c-in", help="Input channels; --n HxWxC gives them too.", metavar="COUNT")
    ] = None,
    c_out: OutputChannels = None,
    n: InputSize = None,
    p: PaddingOption = "0",
    s: Stride = "1",
    d: Dilation = "1",
    groups: Annotated[
        str, typer.Option("--g", "--groups", help="Groups of channels filtered apart.", metavar="COUNT")
    ] = "1",
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Leave the bias out.")] = False,
    dense: Annotated[
        str | None,
        typer.Option(
            "--dense",
            help="Instead a dense layer of so many units, on an image --n or on --c-in numbers.",
            metavar="UNITS",
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Count the parameters of a layer: (f·f·c_in + 1)·c_out.

    \b
    convcli params --f 5 --c-in 3 --c-out 6               456
    convcli params --n 32x32x3 --f 5 --c-out 6            and its costs
    convcli params --n 128x128x1 --dense 300              4915500

    On a terminal the formula with its numbers; with --n also activations, multiply-accumulates (MACs: no
    bias, no activation) and the dense layer between the same sizes. Into a pipe the number alone.
    """
    size = None if n is None else parse_size(n, "input")
    if dense is not None:
        for_convolutions = (f, c_out) != (None, None) or (p, s, d, groups) != ("0", "1", "1", "1")
        if for_convolutions or (size is None) == (c_in is None):
            raise UsageError(
                "--dense", "goes with the input alone: --n 128x128x1, or --c-in 4096 for a vector"
            )
        layer = Dense(units=parse_count(dense, "units"), bias=not no_bias)
        _answer(*_dense_answer(layer, size or (parse_count(c_in or "", "inputs"),)), json=json)
        return 0
    channels = _channels(size, c_in)
    if f is None or channels is None or c_out is None:
        missing = "--f" if f is None else "--c-in" if channels is None else "--c-out"
        raise UsageError(missing, "missing; as in: convcli params --f 5 --c-in 3 --c-out 6")
    convolution = Convolution(
        window=parse_pair(f, "filter"),
        filters=parse_count(c_out, "output channels"),
        stride=parse_pair(s, "stride"),
        padding=parse_padding(p),
        dilation=parse_pair(d, "dilation"),
        groups=parse_count(groups, "groups"),
        bias=not no_bias,
    )
    sized = None if size is None else (*size[:2], channels)
    _answer(*_convolution_answer(convolution, channels, sized), json=json)
    return 0


def _channels(size: Size | None, c_in: str | None) -> int | None:
    of_size = size[2] if size is not None and len(size) > 2 else None
    if c_in is None:
        return of_size
    channels = parse_count(c_in, "input channels")
    if of_size not in (None, channels):
        raise SizeError(f"--c-in {channels}", f"but --n says {of_size} channels; leave one of them out")
    return channels


def _answer(record: dict[str, Any], rows: list[tuple[str, str]], *, json: bool) -> None:
    """Print the parameters in the form that fits: JSON, explained, or the bare number."""
    if json:
        write_json(record)
    elif answer_is_shown():
        (_, formula), *details = rows
        write(f"{formula}\n\n{shown(details)}")
    else:
        write(f"{record['params']}\n")


def _dense_answer(layer: Dense, size: Size) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    values, parameters, macs = prod(size), layer.params(prod(size)), layer.macs(size)
    record = {
        "text": layer.text,
        "type": layer.type,
        "output": f"{layer.units}",
        "params": parameters,
        "macs": macs,
        "weights": f"{values}x{layer.units}",
        "bias": f"{layer.units}" if layer.bias else None,
        "connections": values,
    }
    rows = [
        ("", f"{_sum_with_bias(_factors(size), bias=layer.bias)}·{layer.units} = {parameters:,}"),
        ("weights", f"{values}x{layer.units}"),
        ("bias", f"{layer.units}" if layer.bias else "none"),
        ("MACs", f"{macs:,} multiply-accumulates (bias and activation not counted)"),
        ("connections", f"{values:,} inputs to each output value: all of them"),
    ]
    return network_record(size, record), rows


def _convolution_answer(
    layer: Convolution, channels: int, size: Size | None
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    parameters, connections = layer.params(channels), layer.connections(channels)
    weights = format_size((*layer.window, channels // layer.groups, layer.filters or 0))
    bias = f"1x1x1x{layer.filters}" if layer.bias else None
    terms = _factors((*layer.window, channels)) + (f"/{layer.groups}" if layer.groups > 1 else "")
    rows = [
        ("", f"{_sum_with_bias(terms, bias=layer.bias)}·{layer.filters} = {parameters:,}"),
        ("weights", weights),
        ("bias", bias or "none"),
    ]
    record: dict[str, Any] = {
        "text": layer.text,
        "type": layer.type,
        "output": None,
        "params": parameters,
        "macs": None,
    }
    if size is not None:
        record = layer_record(layer, size)
    record |= {"weights": weights, "bias": bias, "connections": connections}
    if size is not None:
        costs, comparison = _against_dense(layer, connections, size)
        record |= costs
        rows += comparison
    return network_record(size, record), rows


def _against_dense(
    layer: Convolution, connections: int, size: Size
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Compare with the dense layer between the same sizes: sparse connections, shared parameters."""
    output = layer.output(size)
    dense = Dense(units=prod(output), bias=layer.bias)
    parameters, of_dense = layer.params(size[2]) or 0, dense.params(prod(size))
    macs, macs_of_dense = layer.macs(size) or 0, dense.macs(size)
    positions = prod(output[:2])
    costs = {
        "activations": prod(output),
        "dense": {
            "text": dense.text, "params": of_dense, "macs": macs_of_dense, "connections": prod(size),
            "params_ratio": _ratio(of_dense, parameters), "macs_ratio": _ratio(macs_of_dense, macs),
        },
    }  # fmt: skip
    sums = _sum_with_bias(_factors(size), bias=layer.bias)
    rows = [
        ("output", f"{format_size(output)}: {prod(output):,} activations"),
        ("MACs", f"{macs:,} multiply-accumulates (bias and activation not counted)"),
        ("connections", f"{connections:,} inputs to each output value, of {prod(size):,}"),
        ("sharing", f"each weight is used at {positions:,} positions"),
        ("dense layer", f"{sums}·({_factors(output)}) = {of_dense:,} parameters"),
        (
            "",
            f"{_times(of_dense, parameters)} the parameters, {_times(macs_of_dense, macs)} the MACs",
        ),
    ]
    return costs, rows


def _factors(size: Size) -> str:
    return "·".join(map(str, size))


def _sum_with_bias(terms: str, *, bias: bool) -> str:
    return f"({terms} + 1)" if bias else terms


def _ratio(large: int, small: int) -> float | None:
    try:
        return large / small
    except OverflowError:
        return None


def _times(large: int, small: int) -> str:
    return f"{large // small:,} times" if large >= 10 * small else f"{large / small:.2f} times"
