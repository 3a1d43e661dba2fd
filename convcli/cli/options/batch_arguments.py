"""The options that all commands for many pictures have, declared once."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple

from convcli.cli.completion.completers import enum_values
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Option, declared_parameters

__all__ = ["BatchArguments", "takes_batch_arguments"]


class BatchArguments(NamedTuple):
    """The values of these options, as typed."""

    output: options.OutputOption = None
    out_dir: Annotated[
        str | None,
        Option(
            "--out-dir",
            help="Folder for output files, which get derived names; created if missing. It may be a URL.",
            metavar="DIR",
        ),
    ] = None
    name: Annotated[
        str | None,
        Option(
            "--name",
            help="Template of derived names; {name} is the file name of IMAGE "
            "(default: {stem}-{filter}.{ext}).",
            metavar="TEXT",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    file_format: Annotated[
        str | None,
        Option(
            "--format",
            help="Output format: png, jpeg, tiff, webp, bmp, pnm, avif, gif, jp2, jxl, npy, csv or txt.",
            metavar="FORMAT",
            autocompletion=enum_values("convcli.pictures.formats.output_formats:OutputFormat"),
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    png_level: Annotated[
        int | None,
        Option(
            "--png-level",
            help="PNG compression from 0 to 9: higher is smaller and slower (default: fast).",
            metavar="LEVEL",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    keep_time: Annotated[
        bool,
        Option(
            "--keep-time",
            help="Give each output the modification time of its input.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False
    force: options.Force = False
    max_pixels: options.MaxPixels = None
    max_memory: options.MaxMemory = None
    frame: options.Frames = None
    by_tiles: Annotated[
        bool,
        Option(
            "--by-tiles",
            help="Read, filter and write the picture in parts, so that it need not fit in memory: a TIFF or "
            ".zarr gives a tiled TIFF or a .zarr (default: only if it does not fit).",
            rich_help_panel=options.LARGE,
        ),
    ] = False
    level: Annotated[
        int | None,
        Option(
            "--level",
            help="Level of a pyramid (TIFF, OME-TIFF, OME-Zarr) to read, from 0, the largest (default).",
            metavar="NUMBER",
            rich_help_panel=options.LARGE,
        ),
    ] = None
    region: Annotated[
        str | None,
        Option(
            "--region",
            help="Read only this rectangle of the picture or the level: left and top, counted from 0, then "
            "width and height.",
            metavar="X,Y,WxH",
            rich_help_panel=options.LARGE,
        ),
    ] = None
    pyramid: Annotated[
        bool,
        Option(
            "--pyramid",
            help="Write smaller levels, too, each half as large, as viewers of large pictures want them "
            "(TIFF, .zarr).",
            rich_help_panel=options.LARGE,
        ),
    ] = False
    recursive: Annotated[
        bool,
        Option(
            "--recursive",
            help="Read all pictures in folders and their subfolders; --out-dir gets the same subfolders.",
            rich_help_panel=options.BATCH,
        ),
    ] = False
    files0_from: Annotated[
        str | None,
        Option(
            "--files0-from",
            help="Read NUL-separated file names from a file, or from - (find -print0).",
            metavar="FILE",
            rich_help_panel=options.BATCH,
        ),
    ] = None
    shard: Annotated[
        str | None,
        Option(
            "--shard",
            help="Process one of N shares of the inputs: I from 1 to N, in as many runs.",
            metavar="I/N",
            rich_help_panel=options.BATCH,
        ),
    ] = None
    skip_existing: Annotated[
        bool,
        Option("--skip-existing", help="Skip inputs whose output exists.", rich_help_panel=options.BATCH),
    ] = False
    jobs: Annotated[
        int | None,
        Option(
            "-j",
            "--jobs",
            help="Number of CPU cores to use (default: all available).",
            metavar="COUNT",
            rich_help_panel=options.BATCH,
        ),
    ] = None
    dask: Annotated[
        str | None,
        Option(
            "--dask",
            help="Run on a Dask cluster: the address of its scheduler, or local:N for N processes here.",
            metavar="CLUSTER",
            rich_help_panel=options.BATCH,
        ),
    ] = None
    preview: options.PreviewOption = False
    preview_as: options.PreviewAs = None
    json: options.JsonOption = False
    text: options.TextOption = False

    def given_options(self) -> list[str]:
        """Return the names of the given options, without those for the form of the answer."""
        return [
            BatchArguments.__annotations__[name].__metadata__[0].names[0]
            for name, default in self._field_defaults.items()
            if getattr(self, name) != default and name not in ("json", "text")
        ]


def takes_batch_arguments(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command these options; it gets their values as `arguments`, its last parameter."""
    own = declared_parameters(command)

    @wraps(command)
    def run(**values: Any) -> int:
        arguments = BatchArguments(**{name: values.pop(name) for name in BatchArguments._fields})
        return command(**values, arguments=arguments)

    run.__annotations__ = command.__annotations__ | BatchArguments.__annotations__
    defaults = {parameter.name: parameter.default for parameter in own} | BatchArguments._field_defaults
    run.__kwdefaults__ = defaults  # type: ignore[attr-defined] # what `declared_parameters` reads
    return run
