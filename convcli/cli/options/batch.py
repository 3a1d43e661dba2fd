"""Values of the options for many pictures: reads them as inputs, limits, outputs and processes."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from convcli.cli.options.batch_arguments import BatchArguments
from convcli.cli.options.declarations import check_exclusive, check_minimum
from convcli.cli.terminal.output import stdout_is_terminal
from convcli.cli.terminal.preview_options import PreviewRequest
from convcli.errors import UsageError
from convcli.files.opening import is_zarr
from convcli.files.streams import STREAM
from convcli.files.urls import is_url, local_name, redacted
from convcli.pictures.backgrounds import parse_color
from convcli.pictures.formats.output_formats import OutputFormat, format_for_path, parse_format
from convcli.pictures.frames import FrameRange, parse_frames
from convcli.pictures.limits import MAX_PIXELS, Limits
from convcli.pipeline.batch import Batch
from convcli.pipeline.inputs import ALL_SHARDS, Inputs, Source, gather_inputs, parse_shard
from convcli.pipeline.outputs import DEFAULT_NAME, Destination, check_name
from convcli.pipeline.processes import Executor, LocalProcesses, split_jobs
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe
from convcli.sizes.text import parse_amount

__all__ = ["BatchOptions", "read_destination", "read_options"]


class BatchOptions(NamedTuple):
    """What is read, how and by which processes, where results go, and how they are reported."""

    inputs: Inputs
    reading: ReadOptions
    executor: Executor
    destination: Destination
    json: bool
    preview: PreviewRequest | None
    name_list: str | None  # the file that the names of the sources come from

    @classmethod
    def read(
        cls, images: Sequence[str] | None, background: str | None, arguments: BatchArguments
    ) -> "BatchOptions":
        """Read the options that all commands for many pictures have.

        Raises
        ------
        UsageError
            They contradict each other, or one is out of range.
        ImageError
            A list of names cannot be read.
        """
        check_minimum("--jobs", arguments.jobs, 1)
        if arguments.png_level is not None and not 0 <= arguments.png_level <= 9:
            raise UsageError(f"--png-level {arguments.png_level}", "must be a whole number from 0 to 9")
        preview_request = PreviewRequest.read(arguments.preview, arguments.preview_as)
        reading = read_options(
            arguments.max_pixels, arguments.max_memory, arguments.frame, background,
            level=arguments.level, region=arguments.region, by_tiles=arguments.by_tiles,
        )  # fmt: skip
        if preview_request is not None and isinstance(reading.frame, FrameRange):
            raise UsageError(
                f"--frame {reading.frame}",
                "gives several pictures, and --preview shows one; choose one frame",
            )
        destination = read_destination(
            arguments.output,
            arguments.out_dir,
            arguments.file_format,
            name=arguments.name,
            force=arguments.force,
            skip_existing=arguments.skip_existing,
            json=arguments.json,
            png_level=arguments.png_level,
            jobs=arguments.jobs,
        )
        destination = _read_tiling(destination, arguments)
        inputs = gather_inputs(
            images,
            recursive=arguments.recursive,
            files0_from=arguments.files0_from,
            out_dir=arguments.out_dir,
            shard=ALL_SHARDS if arguments.shard is None else parse_shard(arguments.shard),
            hold_all=arguments.force,  # only then could an output replace an input
        )
        if arguments.keep_time:
            _check_keeps_time(destination, inputs.held)
        parts = len(inputs.held if inputs.rest else inputs.own)
        executor: Executor
        threads: int | None
        if arguments.dask is not None:
            executor, threads = _read_cluster(arguments, inputs, parts)
        else:
            processes, threads = split_jobs(arguments.jobs, parts)
            reading = reading._replace(limits=reading.limits._replace(processes=processes))
            executor = LocalProcesses(processes)
        destination = destination._replace(jobs=threads, keep_time=arguments.keep_time)
        return cls(
            inputs, reading, executor, destination, arguments.json, preview_request, arguments.files0_from
        )

    def _may_be_png(self, recipe: Recipe) -> bool:
        file_format = (recipe.destination or self.destination).format
        return file_format == OutputFormat.PNG or (file_format is None and not recipe.as_numbers)

    @property
    def threads(self) -> int | None:
        """Threads of each process."""
        return self.destination.jobs

    def batch(self, recipes: Sequence[Recipe], files_read: Sequence[str] = ()) -> Batch:
        """Return the batch that applies these recipes.

        Raises
        ------
        UsageError
            The PNG compression was chosen, but no result can be a PNG file; or a cluster was, and standard
            output.
        """
        if self.destination.png_level is not None and not any(map(self._may_be_png, recipes)):
            why = f"applies only to PNG files, but {recipes[0].label} gives values; leave it out"
            raise UsageError("--png-level", why)
        destinations = [recipe.destination or self.destination for recipe in recipes]
        if not isinstance(self.executor, LocalProcesses) and any(to.output == STREAM for to in destinations):
            raise UsageError(
                "--dask", "writes to files, but - is standard output of this process; name a file"
            )
        if self.name_list is not None:
            files_read = (*files_read, self.name_list)
        held, own, rest = self.inputs
        return Batch(held, recipes, self.destination, self.reading, files_read, self.executor, own, rest)


def _read_cluster(arguments: BatchArguments, inputs: Inputs, parts: int) -> tuple[Executor, int]:
    """Return what runs the jobs on a Dask cluster, and the threads of each job."""
    from convcli.pipeline.cluster.executor import parse_cluster  # late: seldom needed

    cluster = parse_cluster(str(arguments.dask), parts)
    if arguments.jobs is not None:
        why = (
            "sets the cores of this process, but the cluster has its own; leave it out, or use --dask local:N"
        )
        raise UsageError("--jobs", why)
    if arguments.preview or arguments.preview_as:
        raise UsageError(
            "--preview", "is drawn by this process, but --dask uses others; leave out one of them"
        )
    if any(source.name == STREAM for source in inputs.held):
        raise UsageError(
            "--dask", "needs names of files, but - is standard input of this process; name a file"
        )
    return cluster, cluster.threads


def _read_tiling(destination: Destination, arguments: BatchArguments) -> Destination:
    """Return the destination of results that are written by tiles, or as pyramids, if that is asked for."""
    for option, given in (("--by-tiles", arguments.by_tiles), ("--pyramid", arguments.pyramid)):
        preview = arguments.preview or arguments.preview_as is not None
        check_exclusive({option: given, "--preview": preview})
        check_exclusive({option: given, "--png-level": arguments.png_level is not None})
    return destination.with_tiles(by_tiles=arguments.by_tiles, pyramid=arguments.pyramid)


def _check_keeps_time(destination: Destination, sources: Sequence[Source]) -> None:
    """Check for --keep-time that inputs and outputs are files."""
    if destination.output == STREAM:
        raise UsageError(
            "--keep-time", "sets the time of output files, but -o - is standard output; leave out one of them"
        )
    if any(source.name == STREAM for source in sources):
        raise UsageError("--keep-time", "keeps the time of input files, but - is standard input; name a file")
    urls = (destination.output, destination.folder, *(source.name for source in sources))
    url = next(filter(is_url, urls), None)
    if url is not None:
        why = f"sets the time of files, but {redacted(str(url))} is a URL, which has none; leave it out"
        raise UsageError("--keep-time", why)


def read_options(
    max_pixels: str | None,
    max_memory: str | None,
    frame: int | str | None,
    background: str | None = None,
    *,
    level: int | None = None,
    region: str | None = None,
    by_tiles: bool = False,
) -> ReadOptions:
    """Read the options that say how pictures are read.

    Raises
    ------
    UsageError
        One is out of range.
    """
    if isinstance(frame, int):
        check_minimum("--frame", frame, 0)
    selected = parse_frames(frame, "--frame") if isinstance(frame, str) else frame
    check_minimum("--level", level, 0)
    for option, given in (("--level", level is not None), ("--region", region), ("--by-tiles", by_tiles)):
        check_exclusive({"--frame": isinstance(selected, FrameRange), option: bool(given)})
    rectangle = None
    if region is not None:
        from convcli.pictures.regions.region import parse_region  # late: most runs read whole pictures

        rectangle = parse_region(region)
    pixels = MAX_PIXELS if max_pixels is None else parse_amount(max_pixels, "--max-pixels", minimum=1)
    memory = None if max_memory is None else parse_amount(max_memory, "--max-memory", minimum=1)
    color = None if background is None else parse_color(background, "--background")
    return ReadOptions(Limits(pixels, memory), selected, color, level, rectangle, by_tiles)


def read_destination(
    output: str | None,
    out_dir: str | None,
    file_format: str | None,
    *,
    name: str | None = None,
    force: bool,
    skip_existing: bool = False,
    json: bool,
    png_level: int | None,
    jobs: int | None,
    option: str = "-o",
) -> Destination:
    """Check the output options; `option` is the one that `output` comes from.

    Raises
    ------
    UsageError
        The options contradict each other, or name an unknown format.
    """
    output_format = None if file_format is None else parse_format(file_format)
    output = None if output is None else local_name(output)
    if output == "":
        raise UsageError(option, "has an empty file name")
    if output is not None and _is_standard_output(output):
        output = STREAM
    is_one_file = output in (None, STREAM) or is_zarr(output or "")
    if output is not None and not is_one_file and (output.endswith("/") or os.path.isdir(output)):  # noqa: PTH112 -- a name may be too long
        advice = "use --out-dir to write into it" if option == "-o" else "give the name of a file in it"
        raise UsageError(output, f"is a folder; {advice}")
    for other_option, given in (("--out-dir", out_dir), ("--name", name)):
        if output is not None and given is not None:
            raise UsageError(
                other_option, "applies only to derived names, but -o names the output; leave out one of them"
            )
    if skip_existing and (force or output is not None):
        raise UsageError(
            "--skip-existing", f"cannot be combined with {'--force' if force else '-o'}; choose one"
        )
    if output == STREAM:
        output_format = output_format or OutputFormat.PNG
        if json:
            raise UsageError(
                "--json", f"writes to standard output, and so does {option} -; write the result to a file"
            )
        if stdout_is_terminal() and not output_format.text:
            raise UsageError(
                f"{option} -",
                f"{output_format} cannot be shown in a terminal; redirect it, or add --format csv",
            )
    else:
        output_format = _check_format(output, output_format, file_format)
    if name is not None:
        check_name(name)
        if not name.endswith(".{ext}"):
            output_format = _check_format(name, output_format, file_format)
    if png_level is not None and output_format not in (None, OutputFormat.PNG):
        raise UsageError("--png-level", f"applies only to PNG files, but the output is {output_format}")
    folder = None if out_dir is None else local_name(out_dir)
    return Destination(
        output, folder, name or DEFAULT_NAME, output_format, force, skip_existing, png_level, jobs
    )


def _is_standard_output(output: str) -> bool:
    """Whether a name, such as /dev/stdout, refers to the same file as standard output."""
    try:
        return os.path.samestat(os.stat(output), os.fstat(1))  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _check_format(
    name: str | None, requested: OutputFormat | None, file_format: str | None
) -> OutputFormat | None:
    """Return the format of an output of that name; it must not contradict --format."""
    if name is None:
        return requested
    if requested is None:
        return format_for_path(name)
    implied = requested
    with suppress(UsageError):  # an unknown extension does not contradict --format
        implied = format_for_path(name)
    if implied != requested:
        raise UsageError(
            redacted(name), f"ends in {Path(name).suffix}, but --format is {file_format}; change one of them"
        )
    return requested
