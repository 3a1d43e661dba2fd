"""``convcli learn``: learn the filter that turns one picture into another."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Annotated, Any

from convcli.cli.completion.completers import enum_values
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.output_files import check_distinct_files, check_output_file, write_output_file
from convcli.cli.terminal.output import (
    is_human_readable,
    labeled_text,
    message,
    stderr_is_terminal,
    write,
    write_json,
)
from convcli.cli.terminal.preview_options import PreviewRequest
from convcli.errors import ImageError, SizeError, UsageError, parse_choice
from convcli.files.identity import FileIds
from convcli.files.streams import input_name
from convcli.files.urls import redacted
from convcli.pipeline.inputs import check_names
from convcli.signals import cleanup_at_signal, interruptible
from convcli.sizes.text import counted, format_size, parse_count, parse_pair

if TYPE_CHECKING:
    from convcli.learning.examples import Example
    from convcli.learning.nearest import NearestFilter
    from convcli.learning.results import LearnedFilter
    from convcli.pictures.picture import Picture
    from convcli.pipeline.reading import ReadOptions


__all__ = ["Pair", "learn"]

LARGE_ERROR = 0.5  # relative error
MAX_SIMILAR = 2  # filters that fit equally well and are named
MANY_WEIGHTS = 256  # with fewer, training seldom takes all its steps
SECONDS_PER_WEIGHT = 45e-6  # of a step of training, on two cores
BYTES_PER_VALUE = 50  # memory that learning takes per value of the input
TRAINING = "Training"  # heading of the help page


@dataclass(frozen=True, eq=False)
class Pair:
    """An input, its target, and the training examples made from them."""

    source: "Picture"
    target: "Picture"
    examples: "list[Example]"


def learn(
    pictures: Annotated[
        list[str] | None,
        Argument(
            metavar="INPUT TARGET...",
            help="Pairs of a picture and its filtered version; - is standard input.",
        ),
    ] = None,
    f: Annotated[
        str, Option("-f", "--f", "--filter-size", help="Filter size: f or HxW.", metavar="SIZE")
    ] = "3",
    output: Annotated[
        str | None,
        Option("-o", "--output", help="Save the kernel as .json, .npy or .csv.", metavar="FILE"),
    ] = None,
    bias: Annotated[bool, Option("--bias", help="Learn a bias as well.")] = False,
    absolute: Annotated[
        bool, Option("--abs", help="Treat the targets as absolute values of the filter's results.")
    ] = False,
    channels: Annotated[
        str | None,
        Option(
            "--channels",
            help="Channels to learn from: each (separately), sum (one filter over all of them), gray (luma "
            "by Rec. 601), r, g or b (default: inferred from the pair).",
            metavar="WHICH",
            autocompletion=enum_values("convcli.pictures.channels:Channels", without=("depthwise",)),
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        Option(
            "--optimizer",
            help="Optimizer: adam, momentum or sgd (default: adam).",
            metavar="NAME",
            autocompletion=enum_values("convcli.learning.gradient_descent:Optimizer"),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    steps: Annotated[
        str | None,
        Option(
            "--steps",
            help="Maximum number of steps, one mini-batch each (default: 5000).",
            metavar="COUNT",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    rate: Annotated[
        str | None,
        Option(
            "--lr",
            help="Initial learning rate (default for adam: 0.1).",
            metavar="NUMBER",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int,
        Option(
            "--seed",
            help="Random seed of the initial weights and of the patches.",
            metavar="NUMBER",
            rich_help_panel=TRAINING,
        ),
    ] = 0,
    closed_form: Annotated[
        bool, Option("--closed-form", help="Solve by least squares instead of training, as a check.")
    ] = False,
    curve: Annotated[
        str | None,
        Option("--curve", help="Draw the loss curve and the filter at several steps.", metavar="PNG"),
    ] = None,
    force: options.Force = False,
    max_pixels: options.MaxPixels = None,
    max_memory: options.MaxMemory = None,
    preview: options.PreviewOption = False,
    preview_as: options.PreviewAs = None,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """Learn a filter from examples, by gradient descent.

    \b
    convcli apply photo.png --filter sobel-x --signed raw -o edges.npy
    convcli learn photo.png edges.npy -o kernel.json
    convcli learn photo.png edges.npy --closed-form
    convcli apply photo.png --kernel @kernel.json

    The target has the size of the input, or the smaller size that filtering without padding gives. Prints the
    filter, its error on the last fifth of the rows, which are held out from training, and the nearest
    named filter. With at most two patches for each weight, least squares solves for the filter, and nothing
    is held out. A target of 8-bit pixels has lost its signs (use --abs) and the values that were clipped;
    --signed raw keeps both. When piped, prints only the coefficients, in the form that --kernel reads.
    """
    options.apply_text_option(text, json=json)
    if not pictures or len(pictures) % 2:
        raise UsageError(
            "INPUT TARGET", "must come in pairs, for example: convcli learn photo.png edges.npy --f 3"
        )
    check_names(pictures, "INPUT TARGET")
    for option, value in (("--curve", curve), ("--optimizer", optimizer), ("--steps", steps), ("--lr", rate)):
        options.check_exclusive({"--closed-form": closed_form, option: value})
    preview_request = PreviewRequest.read(preview, preview_as)
    size, max_steps = parse_pair(f, "filter"), parse_count("5000" if steps is None else steps, "steps")
    from convcli.cli.options.batch import read_options
    from convcli.cli.options.filters import parse_number_option  # late: help needs no filters
    from convcli.cli.reports.pictures.kernels import (
        check_kernel_file,
        check_volume_format,
        coefficient_rows,
        save_kernel,
    )
    from convcli.learning.gradient_descent import Optimizer
    from convcli.learning.gradient_descent import learn as learn_filter
    from convcli.learning.least_squares import fit_least_squares
    from convcli.learning.minimum_norm import equally_good_filters
    from convcli.learning.nearest import nearest_filter
    from convcli.learning.problem import has_few_patches
    from convcli.learning.results import filter_matrices

    first_rate = parse_number_option("--lr", rate)
    optimizer_kind = parse_choice("adam" if optimizer is None else optimizer, Optimizer, "--optimizer")
    files_read = FileIds(pictures)
    if output is not None:
        check_kernel_file(output, files_read, force=force)
    if curve is not None:
        check_output_file(curve, (".png",), "a curve", files_read, force=force)
    check_distinct_files(output, "--curve", curve)
    reading = read_options(max_pixels, max_memory, None).with_result_bytes(
        lambda size, *_: BYTES_PER_VALUE * prod(size)
    )
    pairs = _pairs(pictures, size, channels, reading, absolute=absolute)
    examples = [example for pair in pairs for example in pair.examples]
    if output is not None and examples[0].pixels.shape[2] > 1:
        check_volume_format(output)
    previewer = None if preview_request is None else preview_request.start(json=json, output=None)
    is_solved = closed_form or (has_few_patches(examples) and not absolute)
    if is_solved and curve is not None:
        raise UsageError(
            "--curve", "draws training, but for so few patches least squares solves for the filter instead"
        )
    _note_long_training(size, examples, 0 if is_solved else max_steps, has_curve=curve is not None)
    if closed_form:
        with _progress("solving"), interruptible():
            learned = fit_least_squares(examples, bias=bias, absolute=absolute, seed=seed)
    else:
        with _progress("preparing", max_steps) as (watch, progress), interruptible():
            learned = learn_filter(
                examples, bias=bias, absolute=absolute, optimizer=optimizer_kind, rate=first_rate,
                steps=max_steps, seed=seed, watch=watch, progress=progress,
            )  # fmt: skip
    nearest = nearest_filter(learned.taps)
    record = _record(learned, nearest)
    if output is not None:
        metadata = {key: record[key] for key in ("bias", "nearest")}
        save_kernel(output, learned.taps, metadata, files_read, force=force)
    if curve is not None:
        from convcli.figures.plots import learning_curve

        write_output_file(curve, learning_curve(learned.history), files_read, force=force)
    if output is not None and learned.bias:
        message("note", f"{output} does not hold the bias; give it to apply as --bias {learned.bias:.10g}")
    _warn_about_target(learned, examples, absolute=absolute)
    similar = equally_good_filters(learned, examples) if learned.few_patches else []
    _note_several_filters(learned, similar, bias=bias)
    if json:
        record["also_fit"] = [near._asdict() for near in similar]
        write_json(
            {
                "inputs": [redacted(name) for name in pictures[::2]],
                "targets": [redacted(name) for name in pictures[1::2]],
                "output": output,
                "curve": curve,
                **record,
            }
        )
    elif is_human_readable():
        answer = _report_text(learned, nearest, [name for name in (output, curve) if name])
        if previewer is not None:
            names = pictures[0], pictures[1]
            write(previewer.learning_result(names, pairs[0], learned, absolute=absolute, text_below=answer))
        write(answer)
    else:
        write(output + "\n" if output is not None else coefficient_rows(filter_matrices(learned.taps)))
    return 0


def _pairs(
    pictures: list[str],
    size: tuple[int, int],
    channels: str | None,
    reading: "ReadOptions",
    *,
    absolute: bool,
) -> list[Pair]:
    """Load the pairs; an error of a pair names the file it is about."""
    from convcli.learning.examples import make_examples

    pairs = []
    for source, target in zip(pictures[::2], pictures[1::2], strict=True):
        first, second = reading.load(source), reading.load(target)
        try:
            examples = make_examples(first.pixels, second.pixels, size, channels=channels, absolute=absolute)
        except SizeError as error:
            raise SizeError(input_name(target), f"{error.what} {error.why}") from None
        except ImageError as error:
            raise ImageError(input_name(source), f"{error.what}: {error.why}") from None
        pairs.append(Pair(first, second, examples))
    return pairs


def _warn_about_target(learned: "LearnedFilter", examples: "list[Example]", *, absolute: bool) -> None:
    """Print a note on what may be wrong with a target that a filter cannot produce."""
    is_unsigned = min(float(example.target.min()) for example in examples) >= 0
    has_large_error = learned.relative_error > LARGE_ERROR
    if has_large_error and is_unsigned and not absolute and learned.bias == 0:
        message("note", "no filter reproduces the target well; use --abs if it holds absolute values")
    elif learned.offset and (not learned.history or learned.history[-1].loss < LARGE_ERROR**2):
        message(
            "note",
            f"the target is offset by {learned.offset:.6g}, which a filter alone cannot produce; use --bias",
        )
    elif has_large_error:
        remedy = "try a larger --f or more --steps" if learned.history else "try a larger --f"
        message("note", f"the learned filter does not reproduce the target well; {remedy}")


def _note_several_filters(learned: "LearnedFilter", similar: "list[NearestFilter]", *, bias: bool) -> None:
    """Print a note if other filters fit equally well."""
    if not learned.free:
        return
    names = " or ".join(f"{near.scale:.4g} times {near.name}" for near in similar[:MAX_SIMILAR])
    message(
        "note",
        f"several filters fit equally well{f', such as {names}' if names else ''}: the examples leave "
        f"{learned.free} of {learned.taps.size + bias} degrees of freedom open; this is the smallest filter "
        "(least sum of squares)",
    )


def _note_long_training(
    size: tuple[int, int], examples: "list[Example]", steps: int, *, has_curve: bool
) -> None:
    """Print a note before training that takes minutes."""
    weights = size[0] * size[1] * examples[0].pixels.shape[2]
    minutes = round(weights * steps * SECONDS_PER_WEIGHT / 60)
    if minutes and weights >= MANY_WEIGHTS:
        remedy = (
            "use a smaller --f or fewer --steps" if has_curve else "--closed-form solves for them in seconds"
        )
        message(
            "note",
            f"learning {weights:,} weights in up to {steps:,} steps takes about "
            f"{counted(minutes, 'minute')}; {remedy}",
        )


@contextmanager
def _progress(
    activity: str, steps: int | None = None
) -> "Iterator[tuple[Callable[[int, float], object] | None, Callable[[int], object] | None]]":
    """Show the progress of training on a terminal; `activity` is what comes before the first step."""
    if not stderr_is_terminal():
        yield None, None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn()
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    with cleanup_at_signal(bar.stop), bar:
        task = bar.add_task(activity, total=None)
        loss = ""

        def watch(_: int, recent: float) -> None:
            nonlocal loss
            loss = f", loss {recent:.2g}"

        def progress(number: int) -> None:
            bar.update(task, total=steps, completed=number, description=f"step {number}{loss}")

        yield watch, progress


def _record(learned: "LearnedFilter", nearest: "NearestFilter | None") -> dict[str, Any]:
    return {
        "kernel": learned.taps.tolist(),
        "bias": learned.bias,
        "error": learned.error,
        "relative_error": learned.relative_error,
        "steps": learned.steps,
        "loss": learned.history[-1].loss if learned.history else None,
        "free": learned.free,
        "nearest": None if nearest is None else nearest._asdict(),
    }


def _report_text(learned: "LearnedFilter", nearest: "NearestFilter | None", files: list[str]) -> str:
    from convcli.cli.reports.pictures.kernels import kernel_rows
    from convcli.learning.results import filter_matrices

    lines = [line for matrix in filter_matrices(learned.taps) for line in (*kernel_rows(matrix), "")]
    method = f"by gradient descent in {learned.steps} steps" if learned.steps else "by least squares"
    compared = "the held-out rows"
    if learned.few_patches:
        compared = f"all {learned.few_patches} patches"
        method += ", as there are too few patches to train on"
    if learned.history:
        method += f"; loss {learned.history[-1].loss:.2g} relative to the target's variance"
    summary_lines = [("learned", f"{format_size(learned.taps.shape)} coefficients {method}")]
    if learned.bias:
        summary_lines.append(("bias", f"{learned.bias:.6g}"))
    part = f"{learned.relative_error:.2g} relative to their standard deviation"
    summary_lines.append(("error", f"{learned.error:.2g} (root mean square) on {compared}, {part}"))
    summary_lines += [("nearest", str(nearest))] if nearest is not None else []
    written = [("written", name) for name in files]
    return "".join(f"{line}\n" for line in lines) + labeled_text(summary_lines, written)
