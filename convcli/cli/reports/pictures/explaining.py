"""What ``explain`` does: it chooses what is explained, reads the options for it, and reports."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcli.cli.options.explaining import (
    ExplainRequest,
    read_channels,
    read_explainer,
    read_pooling,
)
from convcli.cli.reports.pictures.windows import explain_window, read_axes
from convcli.cli.terminal.output import is_human_readable, message, write, write_json
from convcli.cli.window_files import WindowFiles
from convcli.errors import ConvcliError, SizeError, UsageError
from convcli.files.streams import input_name
from convcli.files.urls import redacted
from convcli.pipeline.inputs import check_names
from convcli.sizes.axes import check_position
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from convcli.kernels.banks import Bank
    from convcli.kernels.filter import Filter
    from convcli.pipeline.explaining import ExplainedPicture

__all__ = ["report_explanation"]

FIRST = 0, 0  # the default of --at


def report_explanation(request: ExplainRequest) -> None:
    """Explain what is asked for: a window, its reads, a value of a filter or of pooling, or shifts.

    Raises
    ------
    ConvcliError
        Options do not go together, or something cannot be explained.
    """
    has_sizes = (request.n, request.f) != (None, None)
    if request.image is None and (has_sizes or request.reads):
        _explain_sizes(request)
        return
    if request.image is None:
        raise UsageError(
            "IMAGE", "missing; for example: convcli explain photo.png --filter sobel-x --at 12,7"
        )
    if request.reads:
        raise UsageError("--reads", "counts for sizes, not pictures: convcli explain --n 6 --f 3 --reads")
    if request.n is not None or (request.f is not None and request.pool is None):
        raise UsageError(
            "--f" if request.n is None else "--n",
            "applies only without IMAGE; leave it out, because the image and the filter have sizes",
        )
    check_names([request.image])
    if request.shift is not None:
        _explain_shifts(request, request.image, request.shift)
    elif request.pool is not None:
        _explain_pooling(request, request.image)
    else:
        _explain_filter(request, request.image)


def _refuse(given: Mapping[str, object], why: str) -> None:
    """Check that none of the options is given."""
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(option, why)


def _explain_sizes(request: ExplainRequest) -> None:
    """Explain a window without a picture."""
    _refuse(
        request.picture_options | {"--shift": request.shift},
        "requires IMAGE; without it, only --n, --f, --p, --s, --d, --pool and --reads apply",
    )
    pooling = request.pooling
    axes = read_axes(request.n, request.f, request.padding, request.stride, request.dilation, pooling=pooling)
    files = request.files([])
    if request.reads:
        _refuse(
            {"--animate": request.animate, "--at": request.position != FIRST},
            "does not apply to --reads, which counts over all positions; leave out one of them",
        )
        from convcli.cli.reports.pictures.reads import report_reads  # late, as what follows for pictures

        report_reads(*axes, files, json=request.json)
    else:
        explain_window(axes, request.position, files, pooling=pooling, json=request.json)


# Filters ----------------------------------------------------------------------------------------------------


def _explain_filter(request: ExplainRequest, image: str) -> None:
    """Explain one value of the result of a filter."""
    from convcli.cli.options.filters import kernel_files
    from convcli.cli.reports.pictures.explained import ValueReport

    files = request.files([image, *kernel_files([] if request.kernel is None else [request.kernel])])
    explainer, window, number = read_explainer(request, "same")
    picture = request.load(image, explainer.recipe)
    position = request.position
    with _named_errors(image):
        explained = explainer.explain(picture)
        check_position(*explained.channels[0].axes, position)
    report = ValueReport(
        image=image, filter=explainer.filter.name, map=number, position=position, explained=explained
    )
    if explained.is_weighted(position):
        message(
            "note",
            f"{input_name(image)}: the window has transparent pixels, so apply weights colors by alpha: "
            "the value is not the sum of the products, which apply --alpha straight gives",
        )
    _draw(files, request, image, explained, explainer.filter)
    if request.json:
        write_json(report.record() | window.record() | files.record())
    elif is_human_readable():
        write(report.text(files.summary_lines()))
    else:
        files.print_names(report.values_text())


def _draw(
    files: WindowFiles,
    request: ExplainRequest,
    image: str,
    explained: "ExplainedPicture",
    filter_: "Filter | Bank | None" = None,
) -> None:
    """Draw what is explained; pooling has no filter."""
    files.check_channels(input_name(image), len(explained.channels))
    first = explained.channels[0]

    def page() -> str:
        from convcli.cli.reports.pictures.playing import explained_playground
        from convcli.figures.page.page import playground_page

        with _named_errors(image):
            return playground_page(explained_playground(explained, request, image, filter_))

    files.draw(*first.axes, request.position, first, pooling=request.pooling, page=page)


@contextmanager
def _named_errors(image: str) -> Iterator[None]:
    """Put the name of the picture in front of errors about it."""
    try:
        yield
    except SizeError as error:
        raise SizeError(f"{input_name(image)}: {error.what}", error.why) from None
    except ConvcliError as error:
        raise type(error)(input_name(image), f"{error.what}: {error.why}") from None


# Pooling and shifts -----------------------------------------------------------------------------------------


def _explain_pooling(request: ExplainRequest, image: str) -> None:
    """Explain one value of the result of pooling."""
    _refuse(
        request.filter_options | {"--dilation": request.dilation != "1"},
        "does not apply to --pool, which explains pooling of the picture itself; leave out one of them",
    )
    from convcli.cli.reports.pictures.pooled import PooledReport
    from convcli.convolution.pooling import PoolMode
    from convcli.pipeline.explaining import PoolingExplainer

    files = request.files([image])
    mode = PoolMode(request.pooling)
    explainer = PoolingExplainer(
        layer=read_pooling(request, request.stride), mode=mode, channels=read_channels(request)
    )
    picture = request.load(image, explainer.recipe)
    position = request.position
    with _named_errors(image):
        explained = explainer.explain(picture)
        check_position(*explained.channels[0].axes, position)
    report = PooledReport(image=image, position=position, explained=explained)
    if explained.is_weighted(position):
        message(
            "note",
            f"{input_name(image)}: the window has transparent pixels, which pool weights by alpha: it writes "
            "another pixel than these numbers give, and the same only with pool --alpha straight",
        )
    _draw(files, request, image, explained)
    if request.json:
        write_json(report.record() | files.record())
    elif is_human_readable():
        write(report.text(files.summary_lines()))
    else:
        files.print_names(report.values_text())


def _explain_shifts(request: ExplainRequest, image: str, shift: str) -> None:
    """Measure how the result of a filter, of pooling, or of both follows shifts."""
    _refuse(
        {
            "--at": request.position != FIRST, "--p": request.padding, "--border": request.border != "edge",
            "-o": request.output, "--animate": request.animate, "--seconds": request.seconds,
        },
        "does not apply to --shift, which compares all values whose windows need no padding; leave it out",
    )  # fmt: skip
    from convcli.cli.reports.pictures.shifts import parse_shifts, report_shifts
    from convcli.convolution.pooling import PoolMode
    from convcli.pipeline.explaining import ShiftMeasure

    shifts = parse_shifts(shift)
    has_filter = (request.name, request.kernel) != (None, None)
    if not has_filter and request.pool is None:
        raise UsageError("--shift", "needs what is done to the picture: --filter, --kernel, --pool or both")
    if not has_filter:
        options = request.filter_options | {"--dilation": request.dilation != "1"}
        _refuse(options, "needs a --filter or a --kernel; leave it out")
    explainer = read_explainer(request, "valid")[0] if has_filter else None
    pool_stride = None if has_filter else request.stride
    pooling = None if request.pool is None else read_pooling(request, pool_stride)
    mode = PoolMode(request.pooling or "max")
    channels = read_channels(request)
    measure = ShiftMeasure(explainer=explainer, pooling=pooling, mode=mode, channels=channels)
    picture = request.load(image, measure.recipe)
    with _named_errors(image):
        results = measure.measure(picture, shifts)
    source = {
        "input": redacted(image),
        "filter": None if explainer is None else explainer.filter.name,
        "pool": None if pooling is None else pooling.text,
        "channels": channels,
        "signed": measure.signed(picture),
        "stride": measure.stride,
        "shape_in": format_size(picture.shape),
    }
    report_shifts(source, results, json=request.json)
