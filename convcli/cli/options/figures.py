"""Options that draw figures of results, beside them or instead of them: --sheet and --direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convcli.cli.options.batch import BatchOptions, read_destination
from convcli.convolution.rendering import SignedMapping
from convcli.convolution.weighted import AlphaMode
from convcli.errors import FilterError, UsageError
from convcli.figures.gradient_direction import GRADIENT_FILTERS
from convcli.files.streams import STREAM
from convcli.files.urls import is_url, join_name, local_name, split_url
from convcli.kernels.banks import Bank
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.channels import Channels
from convcli.pictures.formats.output_formats import OutputFormat, format_for_path
from convcli.pictures.frames import FrameRange
from convcli.pipeline.outputs import Destination, check_name
from convcli.pipeline.recipes.directions import direction_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.sheets import sheet_recipe
from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["DrawingOptions"]

DEFAULT_DIRECTION_FILTER = "sobel"


@dataclass(frozen=True)
class DrawingOptions:
    """Which figures are drawn, where they go, and whether results are written as well."""

    sheet: Destination | None
    direction: Destination | None
    results: bool

    @classmethod
    def read(
        cls, sheet: str | None, direction: str | None, batch: BatchOptions, *, results: bool
    ) -> "DrawingOptions":
        """Read the options as they were typed.

        Raises
        ------
        UsageError
            A name does not fit a picture, or not one picture per input.
        """
        for option, name in (("--sheet", sheet), ("--direction", direction)):
            if name is not None and isinstance(batch.reading.frame, FrameRange):
                raise UsageError(
                    f"--frame {batch.reading.frame}",
                    f"gives several pictures, and {option} draws one; choose one frame",
                )
        figures = [
            None if name is None else _figure_destination(option, name, batch, results=results)
            for option, name in (("--sheet", sheet), ("--direction", direction))
        ]
        for figure in figures:
            if figure is not None and figure.output == STREAM and (results or None not in figures):
                raise UsageError(
                    f"{figure.option} -",
                    "writes to standard output, but so do the names of the other outputs; write to a file",
                )
            if figure is not None and figure.output == STREAM and batch.destination.keep_time:
                raise UsageError(
                    "--keep-time",
                    f"sets the time of output files, but {figure.option} - is standard output; "
                    "leave out one of them",
                )
        return cls(figures[0], figures[1], results)

    @property
    def _has_only_directions(self) -> bool:
        return self.sheet is None and not self.results

    def default_filters(self, *, angle: str | None, size: str | None) -> list[str]:
        """Return the names of the filters that are drawn if none is chosen.

        Raises
        ------
        UsageError
            An angle or a size is given, which not all of them have.
        """
        if self.sheet is None:
            return [DEFAULT_DIRECTION_FILTER]
        for option, given in (("--angle", angle), ("--size", size)):
            if given is not None:
                raise UsageError(option, "is not an option of every filter; choose filters by --filter")
        return list(CATALOG)

    def check_channels(self, rendering: Rendering) -> None:
        """Check that the chosen channels can be shown.

        Raises
        ------
        UsageError
            A figure shows one channel, but each was chosen.
        """
        figure = "--sheet" if self.direction is None else "--direction"
        shows_values = rendering.signed in (None, SignedMapping.RAW)
        if rendering.channels == Channels.EACH and (shows_values or self.direction is not None):
            raise UsageError(
                "--channels each",
                f"cannot be combined with {figure}, which shows one channel; choose gray, sum, r, g or b",
            )

    def recipes(
        self,
        filters: Sequence[Filter | Bank],
        window: SlidingWindow,
        rendering: Rendering,
        *,
        are_chosen: bool,
    ) -> list[Recipe]:
        """Return the recipes that draw the figures.

        Parameters
        ----------
        filters : sequence of Filter or Bank
        window, rendering
        are_chosen : bool
            Whether the filters were chosen by options, instead of by default.

        Raises
        ------
        UsageError
            A figure cannot be drawn.
        """
        recipes = []
        if self.sheet is not None:
            recipes.append(sheet_recipe(filters, window, rendering, self.sheet))
        if self.direction is not None:
            if self._has_only_directions:
                _check_no_rendering(rendering)
            gradients = self._gradient_filters(filters, self.direction, are_chosen=are_chosen)
            recipes += [direction_recipe(filter_, window, rendering, self.direction) for filter_ in gradients]
        return recipes

    def _gradient_filters(
        self, filters: Sequence[Filter | Bank], direction: Destination, *, are_chosen: bool
    ) -> list[Filter]:
        """Return the filters that have a direction; with a sheet or results there may be others as well."""
        if self.sheet is not None and not are_chosen:
            return [get_filter(DEFAULT_DIRECTION_FILTER)]
        gradients = [
            filter_ for filter_ in filters if isinstance(filter_, Filter) and _is_gradient_filter(filter_)
        ]
        others = [filter_.name for filter_ in filters if filter_ not in gradients]
        if others and (not gradients or self._has_only_directions):
            why = f"gives no direction; use one of {', '.join(GRADIENT_FILTERS)}"
            if "norm=" in others[0] and others[0].partition(":")[0] in GRADIENT_FILTERS:
                why = "has another norm than --direction, which shows sqrt(x² + y²); leave out norm"
            raise FilterError(others[0], why)
        if len(gradients) > 1 and (direction.output is not None or "{filter}" not in direction.name):
            raise UsageError(
                "--direction",
                f'is a single file for {len(gradients)} filters; add both fields: "{{stem}}-{{filter}}.png"',
            )
        return gradients


def _is_gradient_filter(filter_: Filter) -> bool:
    is_magnitude = len(filter_.kernels) == 2 and filter_.combination == Combination.MAGNITUDE
    return is_magnitude and filter_.name.partition(":")[0] in GRADIENT_FILTERS


def _check_no_rendering(rendering: Rendering) -> None:
    """Check that no option is given that has no effect on a gradient direction."""
    for option, given in (
        ("--signed", rendering.signed is not None),
        ("--scale", rendering.scale != 1),
        ("--bias", rendering.biases != (0,)),
        ("--relu", rendering.relu),
        ("--alpha", rendering.alpha != AlphaMode.WEIGHTED),
    ):
        if given:
            raise UsageError(
                option, "applies only to results, but --direction shows the gradient itself; leave it out"
            )


def _figure_destination(option: str, name: str, batch: BatchOptions, *, results: bool) -> Destination:
    """Return where a figure goes; a name with fields, as in --name, gives one figure per input."""
    destination = batch.destination
    if "{" in name or "}" in name:
        figure = _destination_per_input(option, name, destination)
    else:
        figure = read_destination(
            name, None, None, force=destination.force, json=batch.json, png_level=None, jobs=destination.jobs,
            option=option,
        )  # fmt: skip
        if len(batch.inputs.held) > 1:
            example = f'{option} "{{stem}}-{Path(name).stem}{Path(name).suffix}"'
            raise UsageError(
                f"{option} {name}",
                f"is a single file for {len(batch.inputs.held)} inputs; add {{stem}}: {example}",
            )
    if figure.format is None or figure.format.numeric or name.lower().endswith(".pgm"):
        why = "pgm is gray" if figure.format == OutputFormat.PNM else f"{figure.format} holds values"
        raise UsageError(
            f"{option} {name}", f"must hold a color picture, but {why}; choose a name that ends in .png"
        )
    if destination.png_level is not None and figure.format != OutputFormat.PNG and not results:
        raise UsageError("--png-level", f"applies only to PNG files, but {option} is {figure.format}")
    return figure._replace(
        skip_existing=destination.skip_existing, png_level=destination.png_level,
        option=option,
    )  # fmt: skip


def _destination_per_input(option: str, name: str, destination: Destination) -> Destination:
    """Return the destination of a name with fields; folders before the first field are created as well."""
    scheme, authority, path = split_url(name) if is_url(name) else ("", "", local_name(name))
    parts = Path(path).parts
    fixed_count = next(index for index, part in enumerate(parts) if "{" in part or "}" in part)
    template = str(Path(*parts[fixed_count:]))
    check_name(template, option)
    file_format = OutputFormat.PNG if template.endswith(".{ext}") else format_for_path(template)
    start = f"{scheme}://{authority}" if scheme else destination.folder
    folder = join_name(start, "", str(Path(*parts[:fixed_count])))
    return destination._replace(
        output=None, folder=None if folder == "." else folder, name=template, format=file_format
    )
