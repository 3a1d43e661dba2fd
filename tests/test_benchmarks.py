"""The benchmark tells right from wrong, slow from fast, absent from present; its peers need not be here."""

import json
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import convcli
from convcli.compiled.engine import engine_name
from tests.benchmarks import __main__ as program
from tests.benchmarks import batches, commands, peers
from tests.benchmarks.batches import BatchCase, batch_commands, run_batch_case
from tests.benchmarks.cases import CASES, dense_kernel
from tests.benchmarks.commands import FILE_CASES, Command, FileCase, measured, recognised, run_file_case
from tests.benchmarks.contenders import by_numpy, in_one_thread
from tests.benchmarks.contest import Agreement, Bound, Case, Contender, Figure, Row, Verdict, judged
from tests.benchmarks.measuring import Timing, alternate, run_case
from tests.benchmarks.peers import Machine
from tests.benchmarks.photographs import Subject, photograph, sides_of
from tests.benchmarks.tables import Report, json_of, markdown_of, targets_of, text_of

Array = NDArray[Any]
Out = pytest.CaptureFixture[str]


def case_of(*results: int, agreement: Agreement | None = Agreement()) -> Case:  # noqa: B008 - it is frozen
    """Make a case whose contenders return these numbers, ours first."""

    def build(pixels: Array) -> Sequence[Contender]:
        return [
            Contender(f"number {number}", partial(np.full_like, pixels, result), agreement, wanted=1e9)
            for number, result in enumerate(results)
        ]

    return Case("constant, gray", Subject.GREY, build)


# Right and wrong ----------------------------------------------------------------------------------------


def test_a_wrong_contender_makes_the_run_fail_and_is_named(capsys: Out) -> None:
    code = program.main(["--small", "--only", "constant"], cases=[case_of(7, 7, 9)])
    out = capsys.readouterr().out
    assert code == 1
    assert "constant, gray\n  number 0\n  number 1  equal\n  number 2  DIFFERS 2\n" in out
    assert "RESULTS DIFFER: constant, gray: number 2 by 2, at most 0 is allowed" in out
    assert "All results agree" not in out


@pytest.mark.parametrize("agreement", [Agreement(), Agreement(tolerance=2), None])
def test_right_contenders_make_it_succeed(capsys: Out, agreement: Agreement | None) -> None:
    results = (7, 7) if agreement == Agreement() else (7, 9)
    code = program.main(["--small", "--only", "constant"], cases=[case_of(*results, agreement=agreement)])
    out = capsys.readouterr().out
    assert code == 0
    assert "All results agree where the operation is the same." in out


def test_the_border_is_left_out_only_where_it_is_said() -> None:
    ours, peer = np.zeros((5, 5)), np.zeros((5, 5))
    peer[0, 3] = 8
    assert judged(Agreement(margin=1), ours, peer) == Verdict(True)
    assert judged(Agreement(), ours, peer) == Verdict(False, 8.0)


def test_results_of_other_shapes_and_nan_differ() -> None:
    assert judged(Agreement(tolerance=9), np.zeros((4, 4)), np.zeros((4, 5))).equal is False
    assert judged(Agreement(tolerance=9), np.zeros((4, 4)), np.full((4, 4), np.nan)).equal is False


def test_unsigned_results_are_compared_as_numbers() -> None:
    assert judged(Agreement(), np.array([[250]], np.uint8), np.array([[3]], np.uint8)).difference == 247


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_all_that_is_here_agrees_with_ours(case: Case) -> None:
    rows = run_case(case, (96, 128), rounds=0, memory=False)
    assert [row.contender for row in rows if row.verdict.equal is False] == []
    assert rows[0].contender == "convcli"
    assert [row.case for row in rows] == [case.name] * len(rows)


# Times --------------------------------------------------------------------------------------------------


class Clock:
    """A clock that functions move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def taking(self, name: str, *seconds: float) -> Callable[[], None]:
        """Return a function that takes these times, one after the other."""
        waiting = iter(seconds)

        def run() -> None:
            self.order.append(name)
            self.now += next(waiting)

        return run


def test_contenders_take_turns_and_their_medians_are_taken() -> None:
    clock = Clock()
    runs = [clock.taking("a", 1, 9, 2), clock.taking("b", 4, 5, 30)]
    timings = alternate(runs, [1, 4], rounds=3, budget=100, clock=clock)
    assert timings == [Timing(2, 3), Timing(5, 3)]
    assert clock.order == ["a", "b", "a", "b", "a", "b"]


def test_a_slow_contender_takes_part_less_often_or_not_again() -> None:
    clock = Clock()
    runs = [clock.taking("fast", 1, 1, 1), clock.taking("slow", 5, 6), clock.taking("slowest")]
    timings = alternate(runs, [1, 5, 60], rounds=3, budget=10, clock=clock)
    assert timings == [Timing(1, 3), Timing(5.5, 2), Timing(60, 1)]


def test_a_ratio_is_our_time_over_theirs_and_judged_against_the_figure() -> None:
    rows = run_case(case_of(7, 7), (8, 8), rounds=3, memory=False)
    ours, peer = rows
    assert (ours.ratio, ours.reached) == (None, None)
    assert peer.ratio == ours.seconds / peer.seconds
    assert (peer.wanted, peer.reached) == (1e9, True)


@pytest.mark.parametrize(
    ("ratio", "wanted", "reached"), [(0.8, 0.8, True), (0.81, 0.8, False), (3.0, None, None)]
)
def test_a_figure_is_reached_at_its_value(ratio: float, wanted: float | None, reached: bool | None) -> None:
    assert Row("case", "peer", 1.0, 1, Verdict(True), ratio=ratio, wanted=wanted).reached is reached


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured on Linux")
def test_the_memory_of_a_call_is_at_least_its_result() -> None:
    height, width = 1500, 2000
    (case,) = [case for case in CASES if case.name == "sobel-x, gray"]
    ours = run_case(case, (height, width), rounds=0, memory=True)[0]
    assert ours.peak_bytes is not None
    assert height * width * 2 <= ours.peak_bytes < height * width * 20


# Figures that are wanted --------------------------------------------------------------------------------


def wanted_of(case: Case) -> dict[str, float]:
    found = case.build(photograph(case.subject, 64, 64))
    return {one.name: one.wanted for one in found if one.wanted is not None}


@pytest.mark.parametrize(
    ("name", "package", "figures"),
    [
        ("sobel-x, gray", "cv2", {"cv2.filter2D": 0.5, "cv2.Sobel": 0.8}),
        ("sobel-x, gray, 1 thread", "cv2", {"cv2.filter2D": 0.5, "cv2.Sobel": 0.8}),
        ("scharr-x, RGB", "cv2", {"cv2.filter2D": 0.5, "cv2.Scharr": 0.8}),
        ("sobel magnitude, gray", "cv2", {"cv2.Sobel twice + magnitude": 0.3}),
        ("sobel magnitude, gray", "pyvips", {"pyvips sobel": 0.9}),
        ("gaussian sigma 5, gray", "cv2", {"cv2.filter2D": 0.4}),
        ("gaussian sigma 5, gray", "scipy.ndimage", {"scipy gaussian_filter": 0.3}),
        ("gaussian sigma 2 to 8 bits, RGB", "cv2", {"cv2.GaussianBlur": 1.2}),
        ("dense integer 5x5, gray", "cv2", {"cv2.filter2D": 0.5}),
        ("dense float 31x31, gray", "cv2", {"cv2.filter2D": 0.9}),
        ("mean pool 2/2, RGB, 1 thread", "cv2", {"cv2.resize INTER_AREA": 1.2}),
        ("max pool 2/2, gray", "torch", {"torch max_pool2d uint8": 0.5}),
        ("sobel-x, gray", "PIL.Image", {"Pillow ImageFilter.Kernel": 0.5}),
    ],
)
def test_the_figures_stand_with_their_cases(name: str, package: str, figures: dict[str, float]) -> None:
    if peers.library(package) is None:
        pytest.skip(f"{package} is not installed")
    (case,) = [case for case in CASES if case.name == name]
    assert wanted_of(case).items() >= figures.items()


def test_names_are_unique() -> None:
    names = [case.name for case in CASES] + [case.name for case in FILE_CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("side", [5, 7])
def test_small_dense_kernels_stay_in_int16_without_a_zero(side: int) -> None:
    taps = dense_kernel(side, whole=True)
    assert convcli.plan(np.zeros((40, 40), np.uint8), taps).dtype == np.int16
    assert (taps != 0).all()
    assert np.linalg.matrix_rank(taps) == side


# Photographs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", Subject)
def test_a_photograph_is_the_same_each_time_and_of_its_shape(subject: Subject) -> None:
    first, second = photograph(subject, 310, 950), photograph(subject, 310, 950)
    assert first.shape == ((310, 950, 3) if subject == Subject.RGB else (310, 950))
    assert first.dtype == (np.uint16 if subject == Subject.GREY_16 else np.uint8)
    assert first.flags.c_contiguous
    assert np.array_equal(first, second)


@pytest.mark.parametrize("subject", [Subject.GREY, Subject.RGB])
def test_a_photograph_is_neither_noise_nor_flat(subject: Subject) -> None:
    pixels = photograph(subject, 900, 1350).astype(int)
    steps = np.abs(np.diff(pixels, axis=1))
    assert np.median(steps) <= 4  # of noise it would be 75
    assert steps.mean() > 3  # of an enlarged picture it would be near 1
    assert pixels.std() > 40
    filtered = np.diff(pixels, axis=1).astype(np.uint8).tobytes()
    assert 0.3 < len(zlib.compress(filtered, 6)) / len(filtered) < 0.8


def test_a_photograph_of_several_tiles_does_not_repeat_them() -> None:
    pixels = photograph(Subject.GREY, 600, 448 * 4)
    tiles = [pixels[top : top + 300, left : left + 448] for top in (0, 300) for left in range(0, 1792, 448)]
    assert len({tile.tobytes() for tile in tiles}) == 8


@pytest.mark.parametrize("megapixels", [1, 4, 12, 48, 100])
def test_sides_make_so_many_megapixels(megapixels: int) -> None:
    height, width = sides_of(megapixels)
    assert height * width == pytest.approx(megapixels * 1e6, rel=1e-3)


# Absent peers -------------------------------------------------------------------------------------------


def test_absent_libraries_and_programs_are_said(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "absent_libraries", lambda: ["torch"])
    monkeypatch.setattr(program, "absent_programs", lambda: ["gmic"])
    assert program.main(["--small", "--only", "constant"], cases=[case_of(1, 1)]) == 0
    assert "\nABSENT, and so not compared: torch, gmic\n" in capsys.readouterr().out


def test_a_library_that_cannot_be_loaded_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> None:
        raise OSError("libvips.so.42: cannot open shared object file")

    monkeypatch.setattr(peers, "import_module", fails)
    peers.library.cache_clear()
    try:
        assert peers.absent_libraries() == list(dict.fromkeys(peers.LIBRARIES.values()))
    finally:
        peers.library.cache_clear()


def test_a_program_that_is_not_on_the_path_is_absent() -> None:
    there = Command("python", sys.executable, [])
    absent = Command("none", "convcli-no-such-program", [])
    assert commands.absent_programs([there, absent]) == ["convcli-no-such-program"]
    assert list(commands.versions([there, absent])) == [sys.executable]


def test_a_program_that_has_only_the_name_is_absent() -> None:
    stranger = Command("stand-in", sys.executable, [], version=("-c", "raise SystemExit('not installed')"))
    assert commands.absent_programs([stranger]) == [sys.executable]


# Whole processes ----------------------------------------------------------------------------------------


def test_a_case_from_file_to_file_runs_and_recognises_what_each_does() -> None:
    copy = "import shutil; shutil.copyfile('in.png', 'out.png')"
    both = [commands.COMMANDS[0], Command("copy", sys.executable, ["-c", copy])]
    case = FileCase(Subject.GREY, (60, 80), "80x60", memory_judged=True)
    rows, bounds = run_file_case(case, rounds=1, commands=both)
    ours, peer = rows
    assert (ours.contender, ours.verdict) == ("convcli", Verdict(True))
    assert (ours.note, peer.note) == (
        "convcli: sqrt(gx2 + gy2) rounded",
        "copy: no formula that we know",
    )
    assert peer.verdict == Verdict(None)
    assert peer.ratio == ours.seconds / peer.seconds
    assert all(row.peak_bytes and row.peak_bytes > 1e6 and row.file_bytes for row in rows)
    assert [bound.wanted for bound in bounds] == [1.0]


def test_a_batch_runs_and_recognises_what_each_does() -> None:
    case = BatchCase(3, (60, 80))
    ours, *_ = batch_commands(case.files)
    copy = "import shutil; shutil.rmtree('out'); shutil.copytree('in', 'out')"
    rows = run_batch_case(case, rounds=1, commands=[ours, Command("copy", sys.executable, ["-c", copy])])
    assert [(row.contender, row.verdict, row.note) for row in rows] == [
        ("convcli", Verdict(True), "convcli: sqrt(gx2 + gy2) rounded"),
        ("copy", Verdict(None), "copy: no formula that we know"),
    ]
    assert rows[1].ratio == rows[0].seconds / rows[1].seconds


def test_a_batch_that_is_not_all_there_is_a_failure() -> None:
    lazy = Command("lazy", sys.executable, ["-c", "import shutil; shutil.copy('in/0000.png', 'out')"])
    with pytest.raises(commands.CommandError, match="lazy: 2 files are missing"):
        run_batch_case(BatchCase(3, (60, 80)), rounds=0, commands=[lazy])


def test_pictures_of_a_batch_are_all_different() -> None:
    with batches.folder_of(BatchCase(12, (60, 80))) as folder:
        assert len({file.read_bytes() for file in (folder / "in").iterdir()}) == 12


def test_our_own_wrong_file_is_a_failure() -> None:
    wrong = Command("convcli", None, ["apply", "in.png", "--filter", "sobel-x", "-o", "out.png", "--force"])
    rows, _ = run_file_case(FileCase(Subject.RGB, (60, 80), "80x60"), rounds=0, commands=[wrong])
    assert rows[0].verdict.equal is False


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(commands.CommandError, match="no luck"):
        measured([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path)


def test_the_peak_is_that_of_the_command_and_not_of_this_process(tmp_path: Path) -> None:
    ballast = np.ones(300_000_000, np.uint8)
    small = measured([sys.executable, "-c", "pass"], tmp_path).peak_bytes
    large = measured([sys.executable, "-c", "bytearray(b'1') * 200_000_000"], tmp_path).peak_bytes
    assert small < 100_000_000 < large < ballast.nbytes


def test_a_failing_command_fails_the_run_but_not_the_other_cases(
    capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: FileCase, *, rounds: int) -> None:
        raise commands.CommandError(f"no luck in {rounds} rounds")

    monkeypatch.setattr(program, "run_file_case", fails)
    assert program.main(["--small", "--only", "gray"], cases=[case_of(1, 1)]) == 1
    assert "constant, gray\n  number 0\n  number 1  equal\n" in capsys.readouterr().out
    assert program.main(["--small", "--only", "128x96 gray"], cases=[]) == 1
    assert "FAILED: file to file, 128x96 gray PNG: no luck in 0 rounds" in capsys.readouterr().out


@pytest.mark.parametrize("name", commands.FORMULAS)
def test_each_formula_is_recognised(name: str) -> None:
    pixels = photograph(Subject.GREY, 100, 120)
    x, y = (convcli.convolve(pixels, convcli.kernel(each)).astype(float) for each in ("sobel-x", "sobel-y"))
    result = commands.FORMULAS[name](x, y, pixels).clip(0, 255).astype(np.uint8)
    assert recognised(pixels, result) == (name, 0.0)


def test_a_picture_of_another_kind_is_not_recognised() -> None:
    pixels = photograph(Subject.GREY, 100, 120)
    assert recognised(pixels, pixels) is None
    assert recognised(pixels, pixels[1:]) is None


# Tables -------------------------------------------------------------------------------------------------

REPORT = Report(
    machine=Machine("Linux 6.1", "A Processor", 2, 8 << 30, {"python": "3.11.7", "numpy": "2.4.6"}),
    absent=["torch"],
    left_out=["slow beyond 12 MP"],
    failed=[],
    sides=(3000, 4000),
    rows=[
        Row("sobel-x, gray", "convcli", 0.0077, 9, Verdict(True), peak_bytes=24_000_000),
        Row(
            "sobel-x, gray",
            "cv2.filter2D",
            0.0098,
            9,
            Verdict(True),
            ratio=0.7857,
            wanted=0.8,
            peak_bytes=28_000_000,
        ),
        Row(
            "sobel-x, gray",
            "cv2.Sobel",
            0.005,
            9,
            Verdict(True, 0.5, 1),
            ratio=1.54,
            wanted=1.2,
            note="a note",
        ),
        Row(
            "file to file, 12 MP gray PNG",
            "convcli",
            0.974,
            5,
            Verdict(True),
            note="convcli: exact",
            peak_bytes=122_000_000,
            cpu_seconds=1.17,
            file_bytes=8_270_021,
        ),
        Row(
            "file to file, 12 MP gray PNG",
            "ImageMagick Sobel:>",
            12.34,
            1,
            Verdict(None),
            ratio=0.0789,
            wanted=0.5,
            note="largest",
            peak_bytes=1_222_000_000,
            cpu_seconds=22.2,
            file_bytes=118_270_021,
        ),
    ],
    bounds=[Bound("bytes of our file to those of vips", 1.0174, 1.0)],
    sizes=[Figure(1, {"sobel-x": 1.25}), Figure(12, {"sobel-x": 0.7})],
)


def test_the_text_table() -> None:
    assert text_of(REPORT) == (Path(__file__).parent / "benchmarks" / "example.txt").read_text("utf-8")


def test_the_text_table_fits_80_columns() -> None:
    full = replace(REPORT.rows[-1], case="file to file")
    rows = [
        replace(full, contender=command.name, note=f"{number} what it computes")
        for number, command in enumerate([*commands.COMMANDS, *commands.COMMANDS])
    ]
    for report in (REPORT, replace(REPORT, rows=rows)):
        assert max(map(len, text_of(report).splitlines())) <= 80


def test_the_markdown_table_has_a_line_a_case() -> None:
    lines = markdown_of(REPORT).splitlines()
    assert lines[0].startswith("A Processor, 2 processors, Linux 6.1; pictures of ")
    assert lines[2:5] == [
        "| case | convcli, ms | MB | convcli time ÷ peer time |",
        "|---|--:|--:|---|",
        "| sobel-x, gray | 7.7 | 24 | cv2.filter2D 0.79, cv2.Sobel **1.54** |",
    ]
    names = list(REPORT.sizes[0].nanoseconds)
    assert f"| megapixels | {' | '.join(f'{name}, ns per pixel' for name in names)} |" in lines


def test_the_table_of_targets_says_by_how_much_one_is_missed() -> None:
    assert targets_of(REPORT).splitlines()[2:7] == [
        "| sobel-x, gray | cv2.filter2D | 0.79 | 0.80 | met |",
        "| sobel-x, gray | cv2.Sobel | 1.54 | 1.20 | missed by 28% |",
        "| file to file, 12 MP gray PNG | ImageMagick Sobel:> | 0.08 | 0.50 | met |",
        "| bytes of our file to those of vips |  | 1.02 | 1.00 | missed by 2% |",
        "",
    ]


def test_both_engines_take_part_and_peers_have_one_thread_where_we_have() -> None:
    names = {case.name: case for case in CASES}
    pixels = photograph(Subject.GREY, 64, 64)
    assert [one.name for one in names["sobel-x, gray"].build(pixels)][:2] == ["convcli", "convcli by numpy"]
    threads: list[int] = []
    cv2 = peers.library("cv2")
    if cv2 is None:
        pytest.skip("cv2 is not installed")
    before = cv2.getNumThreads()
    alone = in_one_thread(Contender("peer", lambda: threads.append(cv2.getNumThreads())))
    alone.run()
    assert (threads, cv2.getNumThreads()) == ([1], before)


def test_ours_by_numpy_runs_without_the_core() -> None:
    assert by_numpy(engine_name).run() == "numpy"


@pytest.mark.parametrize(("input", "output"), [("in.jpg", "out.jpg"), ("in.jpg", "out.png")])
def test_jpeg_files_are_read_and_written(input: str, output: str) -> None:
    case = FileCase(Subject.RGB, (60, 80), "80x60", None, input, output)
    (ours,), _ = run_file_case(case, rounds=0, commands=[commands.COMMANDS[0]])
    assert ours.verdict.equal
    assert ours.note.startswith("convcli: sqrt(gx2 + gy2) rounded")
    assert ours.case == f"file to file, 80x60 RGB JPEG{' to PNG' if output == 'out.png' else ''}"


def test_the_json_answer_is_complete() -> None:
    answer = json.loads(json_of(REPORT))
    assert list(answer) == [
        *(
            "machine",
            "absent",
            "left_out",
            "failed",
            "sides",
            "judged",
            "rows",
            "bounds",
            "cost_per_pixel",
            "differing",
        )
    ]
    assert answer["machine"]["versions"] == {"python": "3.11.7", "numpy": "2.4.6"}
    assert answer["rows"][1] == {
        "case": "sobel-x, gray",
        "contender": "cv2.filter2D",
        "seconds": 0.0098,
        "rounds": 9,
        "verdict": {"equal": True, "difference": 0.0, "tolerance": 0.0},
        "ratio": 0.7857,
        "wanted": 0.8,
        "note": "",
        "peak_bytes": 28_000_000,
        "cpu_seconds": None,
        "file_bytes": None,
        "reached": True,
    }
    assert [row["reached"] for row in answer["rows"]] == [None, True, False, None, True]
    assert answer["bounds"][0]["reached"] is False
    assert answer["cost_per_pixel"][1] == {"megapixels": 12, "nanoseconds": {"sobel-x": 0.7}}
    assert answer["differing"] == []


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_the_other_forms_are_printed_and_fail_alike(capsys: Out, form: str) -> None:
    assert program.main(["--small", "--only", "constant", form], cases=[case_of(1, 2)]) == 1
    out = capsys.readouterr().out
    if form == "--json":
        assert json.loads(out)["differing"] == ["constant, gray: number 1"]
    else:
        assert "| constant, gray |" in out


def test_only_chooses_by_pattern(capsys: Out) -> None:
    assert program.main(["--small", "--only", "no*such", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--rounds", "x"], ["--json", "--markdown"]])
def test_wrong_usage_is_refused(capsys: Out, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        program.main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""
