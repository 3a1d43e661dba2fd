"""Batches on a Dask cluster of real processes, some of which are killed."""

import json
import os
import pickle
import pydoc
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from convcli.cli.options.filtering import read_rendering, read_window
from convcli.errors import OutputExists
from convcli.kernels.lookup import get_filter
from convcli.pictures.picture import Picture
from convcli.pipeline.batch import Batch
from convcli.pipeline.cluster.executor import DaskCluster, parse_cluster
from convcli.pipeline.cluster.pool import ClusterPool
from convcli.pipeline.cluster.worker import Place, describe_place, forget_run, prepare_run, run_jobs
from convcli.pipeline.inputs import Source
from convcli.pipeline.job import Job
from convcli.pipeline.outputs import Destination, Outputs
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.report import Failure, Finished, Report, Skipped
from tests.support.command_line import Runner, assert_failed, assert_refused, contents, nothing_changes
from tests.support.deadly_recipes import deadly_recipe

distributed = pytest.importorskip("distributed", reason="needs the extra convcli[dask]")

APPLY = [sys.executable, "-m", "convcli", "apply"]
DEADLINE = 60
HERE = Path.cwd()  # where the workers of the fixture run


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start a scheduler and two workers in processes of their own; yields the scheduler's address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs=60
        ) as started:
            yield started.scheduler_address


@pytest.fixture
def names(in_folder: Path) -> list[str]:
    """Work in a folder with pictures, one of which is broken."""
    names = [f"{number:02d}.png" for number in range(10)] + ["it's\nodd 10%.png"]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 20 + number, 3), np.uint8)
        Image.fromarray(pixels).save(in_folder / name)
    Path("04.png").write_bytes(b"nothing")
    return names


def absolute(names: list[str]) -> list[str]:
    return [str(Path(name).absolute()) for name in names]


def out(name: str) -> tuple[str, ...]:
    return ("--out-dir", str(Path(name).absolute()))


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_files_reports_and_codes_are_those_of_local_processes(
    convcli: Runner, names: list[str], cluster: str, extra: tuple[str, ...]
) -> None:
    line = ("apply", *absolute(names), "--filter", "sobel", "--filter", "box", "--scale", "gain", *extra)
    here = convcli(*line, *out("here"), "-j", "1")
    there = convcli(*line, *out("there"), "--dask", cluster)
    assert here.code == there.code == 1
    assert contents(Path("here")) == contents(Path("there"))
    assert len(contents(Path("here"))) == 20
    assert here.err == there.err

    def lines(text: str) -> list[object]:
        text = text.replace("/there/", "/here/")
        if not extra:
            return [text]
        records = [json.loads(line) | {"seconds": 0} for line in text.splitlines()]
        return sorted(records, key=str)

    assert lines(there.out) == lines(here.out)


def test_matrices_are_printed_in_order(
    convcli: Runner, in_folder: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (in_folder / f"{number}.csv").write_text(f"{number} {number}\n")
    line = ("apply", *absolute([f"{number}.csv" for number in range(5)]), "--filter", "identity")
    monkeypatch.chdir(HERE)
    ran = convcli(*line, "--dask", cluster)
    assert ran.all == (0, "\n".join(f"{number} {number}\n" for number in range(5)), "")


def deadly_batch(cluster: str, times: int, names: list[str]) -> list[Report]:
    """Run max pooling that kills its worker at pictures with 13 rows, so many times each."""
    graves = Path("graves")
    graves.mkdir()
    batch = Batch(
        [Source(name) for name in absolute(names)],
        [deadly_recipe(graves.absolute(), times)],
        Destination(folder=str(Path("out").absolute())),
        ReadOptions(),
        executor=DaskCluster(cluster),
    )
    reports = list(batch.run())
    assert [report.source.name for report in reports] == absolute(names)
    return reports


def deadly_picture(name: str, width: int) -> None:
    Image.fromarray(np.random.default_rng(width).integers(0, 256, (13, width), np.uint8)).save(name)


@pytest.fixture(params=[1, 16])
def most_jobs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a task have so many jobs, unless its worker has nothing else to do."""
    monkeypatch.setattr(ClusterPool, "_group_size", lambda _: request.param)
    return int(request.param)


@pytest.mark.usefixtures("most_jobs")
def test_the_pictures_of_a_killed_worker_are_done_again(
    convcli: Runner, names: list[str], cluster: str
) -> None:
    names.remove("04.png")
    deadly_picture("03.png", 30)
    reports = deadly_batch(cluster, 1, names)
    assert [type(event) for report in reports for event in report.events] == [Finished] * len(names)
    assert len(list(Path("graves").iterdir())) == 1
    assert convcli("pool", *names, "--out-dir", "here", "-j", "1").code == 0
    assert contents(Path("here")) == contents(Path("out"))


def test_a_picture_that_kills_two_workers_fails_and_the_others_do_not(
    convcli: Runner, names: list[str], cluster: str, most_jobs: int
) -> None:
    names.remove("04.png")
    deadly_picture("03.png", 30)
    deadly_picture("08.png", 31)
    reports = deadly_batch(cluster, 99, names)
    failed = [report for report in reports if report.failed]
    assert [Path(report.source.name).name for report in failed] == ["03.png", "08.png"]
    for report in failed:
        (event,) = report.events
        assert isinstance(event, Failure)
        assert event.why == "the worker that processed it died, and so did the worker that tried it again"
    deaths = {len(list(Path("graves").glob(f"13x{width}-*"))) for width in (30, 31)}
    assert deaths <= ({2} if most_jobs == 1 else {1, 2})  # another of its task may have killed first
    others = [name for name in names if name not in ("03.png", "08.png")]
    assert convcli("pool", *others, "--out-dir", "here", "-j", "1").code == 0
    assert contents(Path("here")) == contents(Path("out"))


def test_a_task_ends_early_if_its_jobs_take_long_or_one_is_a_mistake(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [Source(names[number]) for number in (0, 4, 1)]
    makers = {
        name: partial(
            Job, recipes=[recipe], outputs=Outputs(Destination(folder=name), ()), reading=ReadOptions()
        )
        for name, recipe in (("out", recipe_of("box")), ("bug", recipe_of("box")._replace(run=mistaken)))
    }
    for name, make_job in makers.items():
        Path(name).mkdir()
        prepare_run(name, pickle.dumps(make_job), 1)
    answer = run_jobs("out", sources, False)
    assert answer is not None
    assert [(report.source, report.failed) for report in answer.reports] == list(
        zip(sources, (False, True, False), strict=True)
    )
    assert answer.error is None
    mistake = run_jobs("bug", sources[1:], False)
    assert mistake is not None
    assert [report.source for report in mistake.reports] == sources[1:2]  # broken, so never computed
    assert isinstance(mistake.error, LookupError)
    monkeypatch.setattr("convcli.pipeline.cluster.worker.TASK_SECONDS", 0)
    shutil.rmtree("out")
    Path("out").mkdir()
    early = run_jobs("out", sources, False)
    assert early is not None
    assert [report.source for report in early.reports] == sources[:1]
    for name in makers:
        forget_run(name)
    assert run_jobs("out", sources, False) is None


@pytest.mark.usefixtures("most_jobs")
def test_a_mistake_in_a_recipe_is_raised_here(names: list[str], cluster: str) -> None:
    recipe = recipe_of("box")._replace(run=mistaken)
    batch = Batch(
        [Source(name) for name in absolute(names)],
        [recipe],
        Destination(folder=str(Path("out").absolute())),
        ReadOptions(),
        executor=DaskCluster(cluster),
    )
    with pytest.raises(LookupError, match="a mistake"):
        list(batch.run())


def mistaken(picture: Picture, numbers: bool) -> Result:
    raise LookupError("a mistake", picture.shape, numbers)


def recipe_of(name: str) -> Recipe:
    window = read_window("same", "edge", "1", "1", flip=False, jobs=1)
    return convolution_recipe(
        get_filter(name), window, read_rendering("each", None, "1", "0", None), measured=True
    )


# What was written before a worker died ---------------------------------------------------------------------


@pytest.mark.parametrize("skip_existing", [False, True])
def test_a_job_that_is_done_again_finds_what_it_wrote(names: list[str], skip_existing: bool) -> None:
    destination = Destination(folder="out", skip_existing=skip_existing)
    Path("out").mkdir()
    job = Job(
        Source(names[0]), [recipe_of("box"), recipe_of("sobel")], Outputs(destination, ()), ReadOptions()
    )
    first = job._replace(recipes=job.recipes[:1]).run()  # its process died before it did the second
    again = job._replace(outputs=job.outputs.resuming())
    written = contents(Path("out"))
    report = again.run()
    assert [type(event) for event in report.events if not isinstance(event, type(None))] == [Finished] * 2
    (finished,) = (event for event in first.events if isinstance(event, Finished))
    repeated = report.events[0]
    assert isinstance(repeated, Finished)
    assert {**repeated.record, "seconds": 0} == {**finished.record, "seconds": 0}
    assert contents(Path("out")).items() >= written.items()
    Path("out/00-box.png").write_bytes(b"of somebody else")
    event = again.run().events[0]
    if skip_existing:
        assert event == Skipped("out/00-box.png")
    else:
        assert isinstance(event, Failure)
        assert isinstance(event.error, OutputExists)
    assert Path("out/00-box.png").read_bytes() == b"of somebody else"


# Workers and schedulers that cannot be used ----------------------------------------------------------------


def test_workers_in_another_folder_need_absolute_names(
    convcli: Runner, names: list[str], cluster: str
) -> None:
    """The workers of the fixture run in the folder in which the tests were started."""
    with nothing_changes(Path()):
        assert_failed(
            convcli("apply", *absolute(names), "--filter", "box", "--dask", cluster),
            1,
            f"--dask {cluster}: its worker",
        )
    ran = convcli("apply", names[0], *absolute(names[1:2]), "--filter", "box", *out("out"), "--dask", cluster)
    assert (ran.code, ran.out) == (1, f"{Path('out/01-box.png').absolute()}\n")
    assert ran.err.splitlines()[0].startswith("convcli: 00.png: is a relative name, but the workers run in ")


class OnlyHere(NamedTuple):
    """Describes this process by another place, but is `describe_place` in the processes that it is sent to."""

    place: Place

    def __call__(self) -> Place:
        return self.place

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return pydoc.locate, (f"{describe_place.__module__}.describe_place",)


@pytest.mark.parametrize("number", range(4))
def test_other_versions_are_refused_before_any_job_is_sent(
    convcli: Runner, names: list[str], cluster: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    place = describe_place()
    versions = list(place.versions)
    versions[number] = f"{versions[number].split()[0]} 99"
    monkeypatch.setattr(
        "convcli.pipeline.cluster.pool.describe_place", OnlyHere(Place(tuple(versions), place.folder))
    )
    ran = convcli("apply", *absolute(names), "--filter", "box", *out("out"), "--dask", cluster)
    theirs = place.versions[number]
    assert_failed(
        ran,
        1,
        f"--dask {cluster}: its scheduler has {theirs}, but here is {versions[number]}; install the same versions",
    )
    assert list(Path("out").iterdir()) == []


def test_no_scheduler_is_one_line(convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.pipeline.cluster.connection.CONNECT_SECONDS", 0.2)
    ran = convcli("apply", *names, "--filter", "box", *out("out"), "--dask", "tcp://127.0.0.1:1")
    assert_failed(ran, 1, "--dask tcp://127.0.0.1:1: no Dask scheduler can be reached there: ")


def test_no_workers_is_one_line(convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.pipeline.cluster.pool.NO_WORKER_SECONDS", 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(n_workers=0, dashboard_address=None, silence_logs=60) as empty:
            address = empty.scheduler_address
            ran = convcli("apply", *names, "--filter", "box", *out("out"), "--dask", address)
    why = f"has had no workers for 0 seconds; start some, as in: dask worker {address}"
    assert_failed(ran, 1, f"--dask {address}: {why}")


def test_without_the_extra_an_error_names_it(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    ran = convcli("apply", *names, "--filter", "box", *out("out"), "--dask", "local:1")
    assert_failed(ran, 1, "--dask: needs Dask; pip install 'convcli[dask]' brings it")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ("--dask", "cluster"),
            "--dask cluster: must be the address of a scheduler, such as tcp://host:8786, or local:N",
        ),
        (("--dask", "local:0"), "--dask local:0: must be from 1 to 1024 processes"),
        (("--dask", "local:many"), "--dask local:many: must be the address"),
        (("--dask", "local:2", "-j", "2"), "--jobs: sets the cores of this process"),
        (("--dask", "local:2", "--preview"), "--preview: is drawn by this process"),
        (("--dask", "local:2", "-o", "-"), "--dask: writes to files, but - is standard output"),
        (("--dask", "local:2", "--sheet", "-"), "--dask: writes to files, but - is standard output"),
    ],
)
def test_what_is_refused(convcli: Runner, names: list[str], line: tuple[str, ...], message: str) -> None:
    with nothing_changes(Path()):
        assert_refused(convcli("apply", names[0], "--filter", "box", *line), message)
        assert_refused(
            convcli("apply", "-", "--filter", "box", "--dask", "local:1"), "--dask: needs names of files"
        )


@pytest.mark.parametrize(("parts", "workers"), [(0, 1), (1, 1), (2, 2), (50, 3)])
def test_how_many_processes_are_started(parts: int, workers: int) -> None:
    assert parse_cluster("local:3", parts) == DaskCluster(None, workers)
    assert parse_cluster("host:8786", parts) == DaskCluster("host:8786")


def test_nothing_of_dask_is_loaded_without_the_option(names: list[str]) -> None:
    script = (
        "import sys; from convcli.cli.error_handling import run\n"
        "code = run(sys.argv[1:])\n"
        "print(code, sorted({'dask', 'distributed', 'convcli.pipeline.cluster'} & set(sys.modules)))"
    )
    line = [sys.executable, "-c", script, "apply", *names[:3], "--filter", "box", "-j", "2", "--shard", "1/1"]
    ran = subprocess.run(line, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0 []"


# The program ----------------------------------------------------------------------------------------------


def started(names: list[str], *options: str) -> "subprocess.Popen[bytes]":
    """Start convcli with many large pictures, as the leader of a group of processes."""
    line = [*APPLY, *names, "--filter", "gabor", "--scale", "gain", "--out-dir", "out", *options]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def members(group: int) -> list[int]:
    """Return the running processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX" and int(fields[2]) == group:
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def large(in_folder: Path) -> list[str]:
    names = [f"{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (500, 500), np.uint8)).save(name)
    assert in_folder
    return names


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        *(pytest.param(number, marks=pytest.mark.thorough) for number in (signal.SIGTERM, signal.SIGHUP)),
    ],
)
def test_a_signal_leaves_no_process_and_no_half_file(large: list[str], number: int) -> None:
    """As Ctrl-C does, it goes to all processes of the group."""
    with started(large, "--dask", "local:2") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(members(process.pid)) > 2
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (-number, b"")
    deadline = time.monotonic() + DEADLINE
    while members(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not list(Path().rglob(".convcli-*"))
    outputs = list(Path("out").iterdir())
    assert 1 <= len(outputs) < len(large)
    for file in outputs:
        with Image.open(file) as image:
            image.load()


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_worker_that_the_system_kills_costs_nothing(convcli: Runner, large: list[str]) -> None:
    with started(large, "--dask", "local:2") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        workers = [
            member
            for member in members(process.pid)
            if b"spawn_main" in Path(f"/proc/{member}/cmdline").read_bytes()
        ]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        printed, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (0, b"")
    assert (first + printed).decode().splitlines() == [f"out/{number}-gabor.png" for number in range(60)]
    line = ("apply", *large, "--filter", "gabor", "--scale", "gain", "--out-dir", "here", "-j", "1")
    assert convcli(*line).code == 0
    there = {name: content for name, content in contents(Path("out")).items() if not name.startswith(".")}
    assert there == contents(Path("here"))  # a killed process may leave its temporary file


@pytest.mark.thorough
def test_a_scheduler_that_dies_is_one_line(large: list[str]) -> None:
    """Nothing waits for it."""
    script = (
        "import sys, time\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit=0)\n"
        "    print(cluster.scheduler_address, flush=True)\n"
        "    time.sleep(600)\n"
    )
    Path("cluster.py").write_text(script)
    with subprocess.Popen(
        [sys.executable, "cluster.py"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip()
        with started(large, "--dask", address) as process:
            assert process.stdout is not None
            process.stdout.readline()
            scheduler.kill()
            _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert (
        err.decode() == f"convcli: --dask {address}: the scheduler is gone; use --skip-existing to continue\n"
    )
