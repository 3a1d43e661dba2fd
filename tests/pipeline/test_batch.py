"""Jobs can be pickled, print nothing, and run anywhere: what a cluster needs of them."""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.cli.options.filtering import read_rendering, read_window
from convcli.convolution.pooling import PoolMode
from convcli.errors import ImageError, OutputError, UsageError
from convcli.kernels.banks import orientation_bank
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.formats.encoding import encode
from convcli.pictures.limits import Limits
from convcli.pipeline.batch import Batch
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.outputs import Destination
from convcli.pipeline.processes import LocalProcesses
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.directions import direction_recipe
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.pooling import pool_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.sheets import sheet_recipe
from convcli.pipeline.report import Failure, Finished, Note, Report, Skipped
from tests.support.command_line import contents

WINDOW = read_window("same", "edge", "1", "1", flip=False, jobs=1)
RENDERING = read_rendering("each", None, "1", "0", None)


class Elsewhere:
    """An executor that sends each job, and its report, through a pickle, as a cluster would."""

    def run(self, make_job: partial[Job], sources: Iterable[Source], *, in_order: bool) -> Iterator[Report]:
        assert in_order
        for source in sources:
            job = pickle.loads(pickle.dumps(make_job))(pickle.loads(pickle.dumps(source)))
            yield pickle.loads(pickle.dumps(job.run()))


def every_recipe(folder: Path) -> list[Recipe]:
    sobel = get_filter("sobel")
    assert isinstance(sobel, Filter)
    figures = Destination(folder=folder, name="{stem}-{filter}-figure.{ext}")
    return [
        convolution_recipe(sobel, WINDOW, RENDERING, measured=True),
        convolution_recipe(orientation_bank("gabor:4"), WINDOW, RENDERING, measured=True),
        pool_recipe(Pooling(window=(2, 2)), PoolMode.MAX, 1),
        sheet_recipe([sobel], WINDOW, RENDERING, figures._replace(name="{stem}-sheet.png")),
        direction_recipe(sobel, WINDOW, RENDERING, figures),
    ]


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (12 + number, 17, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"nothing")
    return [Source(str(path)) for path in sorted(folder.iterdir())]


def test_jobs_that_are_pickled_give_the_same_files_and_reports(
    sources: list[Source], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reports: list[list[Report]] = []
    for name, executor in (
        ("here", LocalProcesses()),
        ("two", LocalProcesses(2)),
        ("elsewhere", Elsewhere()),
    ):
        destination = Destination(folder=tmp_path / name)
        batch = Batch(sources, every_recipe(tmp_path / name), destination, ReadOptions(), executor=executor)
        reports.append(list(batch.run()))
    assert contents(tmp_path / "here") == contents(tmp_path / "two") == contents(tmp_path / "elsewhere")
    assert len(contents(tmp_path / "here")) == 15
    first = [[type(event) for event in report.events] for report in reports[0]]
    assert first == [[Finished] * 5] * 3 + [[Failure]]
    for others in reports[1:]:
        assert [[type(event) for event in report.events] for report in others] == first
        assert [report.source for report in others] == sources
    assert capfd.readouterr() == ("", "")


class TwoProcesses:
    """An executor of two processes; only the one that started them reads the sources."""

    def run(self, make_job: partial[Job], sources: Iterable[Source], *, in_order: bool) -> Iterator[Report]:
        process = os.getpid()

        def read_here() -> Iterator[Source]:
            for source in sources:
                assert os.getpid() == process
                yield source

        return LocalProcesses(2).run(make_job, read_here(), in_order=in_order)


def test_processes_do_not_read_the_list_of_sources(tmp_path: Path) -> None:
    """Reading it would copy its memory into each of them: there may be a million."""
    sources = [Source(f"{number}.png", error=f"error {number}") for number in range(100)]
    recipe = every_recipe(tmp_path)[0]
    batch = Batch(sources, [recipe], Destination(), ReadOptions(), executor=TwoProcesses())
    reports = list(batch.run())
    assert [report.source for report in reports] == sources
    assert [event.why for report in reports for event in report.events if isinstance(event, Failure)] == [
        f"error {number}" for number in range(100)
    ]


def test_a_report_says_what_happened(sources: list[Source], tmp_path: Path) -> None:
    recipe = every_recipe(tmp_path)[0]
    destination = Destination(folder=tmp_path / "out", skip_existing=True)
    batch = Batch(sources[:1], [recipe], destination, ReadOptions())
    (report,) = batch.run()
    (event,) = report.events
    assert isinstance(event, Finished)
    assert event.record["output"] == str(tmp_path / "out" / "0-sobel.png")
    assert event.matrix is None
    (report,) = batch.run()
    assert report.events == [Skipped(str(tmp_path / "out" / "0-sobel.png"))]
    assert report.skipped
    assert not report.failed
    (report,) = batch._replace(destination=Destination(folder=tmp_path / "out")).run()
    (failure,) = report.events
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, OutputError)
    assert failure.output == str(tmp_path / "out" / "0-sobel.png")
    assert report.failed
    (report,) = batch._replace(
        reading=ReadOptions(Limits(pixels=10)), destination=Destination(folder=tmp_path)
    ).run()
    (failure,) = report.events
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, ImageError)
    assert failure.why.startswith("has 17x12 = 204 pixels, more than 10")


@pytest.mark.parametrize("meanwhile", ["reading", "encoding"])
def test_what_another_run_writes_meanwhile_is_skipped(
    sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """The other run writes an output after this one found that it did not exist."""
    output = tmp_path / "out" / "0-sobel.png"

    def write_first(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **options: object) -> object:
            output.write_bytes(b"other")
            return function(*arguments, **options)

        return wrapped

    if meanwhile == "reading":
        monkeypatch.setattr(ReadOptions, "load", write_first(ReadOptions.load))
    else:
        monkeypatch.setattr("convcli.pipeline.job.encode", write_first(encode))
    recipe = every_recipe(tmp_path)[0]
    batch = Batch(sources[:1], [recipe], Destination(folder=output.parent, skip_existing=True), ReadOptions())
    (report,) = batch.run()
    assert (report.events, report.skipped, report.failed) == ([Skipped(str(output))], True, False)
    output.unlink()
    (report,) = batch._replace(destination=Destination(folder=output.parent)).run()
    (failure,) = report.events
    assert isinstance(failure, Failure)
    assert (failure.why, report.failed) == ("exists; use --force to overwrite it", True)
    assert contents(output.parent) == {"0-sobel.png": b"other"}


def test_a_note_comes_once_for_all_results_of_an_input(tmp_path: Path) -> None:
    picture = Image.fromarray(np.zeros((8, 8, 4), np.uint8))
    picture.save(tmp_path / "clear.png")
    recipes = [
        convolution_recipe(get_filter(name), WINDOW, RENDERING, measured=True) for name in ("sobel", "box")
    ]
    reading = ReadOptions(background=(255, 0, 0))
    batch = Batch(
        [Source(str(tmp_path / "clear.png"))], recipes, Destination(folder=tmp_path / "out"), reading
    )
    (report,) = batch.run()
    assert [type(event) for event in report.events if not isinstance(event, Note)] == [Finished, Finished]
    notes = [event.text for event in report.events if isinstance(event, Note)]
    assert len(notes) == len(set(notes))


def test_two_results_for_one_output_are_refused_before_anything_is_started(
    sources: list[Source], tmp_path: Path
) -> None:
    recipe = every_recipe(tmp_path)[0]
    batch = Batch(sources, [recipe], Destination(str(tmp_path / "one.png")), ReadOptions())
    with pytest.raises(UsageError, match="is a single file for 4 results"):
        batch.run()
    same = [sources[0], sources[0]]
    with pytest.raises(UsageError, match="2 results have this output"):
        Batch(same, [recipe], Destination(folder=tmp_path / "out"), ReadOptions()).run()
    assert not (tmp_path / "out").exists()
