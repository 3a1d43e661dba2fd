"""Shares of the inputs for several runs, and lists of names that are too long to be held."""

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convcli.files.name_lists import CHUNK_BYTES, MAX_NAME_BYTES, read_names
from convcli.pipeline import inputs
from convcli.pipeline.inputs import Inputs, Shard, Source, gather_inputs, parse_shard
from tests.support.command_line import (
    Runner,
    all_shown,
    assert_failed,
    assert_refused,
    contents,
    nothing_changes,
    on_terminal,
)

BOX = ("--filter", "box", "--out-dir", "out", "-j", "1")


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9)).astype(np.uint8)).save(path)


def write_list(*names: str, file: str = "list") -> None:
    Path(file).write_bytes(b"".join(os.fsencode(name) + b"\0" for name in names))


@pytest.fixture
def names(in_folder: Path) -> list[str]:
    """Work in a folder with ten pictures, some with odd names."""
    odd = ["new\nline.png", "it's 10%.png", "sub/e\u0301.png"]
    names = [*(f"{number}.png" for number in range(7)), *odd]
    for number, name in enumerate(names):
        picture(in_folder / name, number)
    return names


@pytest.fixture
def three_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold only the first three names of a list."""
    monkeypatch.setattr(inputs, "MAX_HELD_NAMES", 3)


# Shards ---------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("way", ["named", "listed", "streamed", "found"])
@pytest.mark.parametrize("total", [1, 2, 3, 16])
def test_runs_together_do_each_input_once(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch, way: str, total: int
) -> None:
    if way == "streamed":
        monkeypatch.setattr(inputs, "MAX_HELD_NAMES", 3)
    names.append(os.fsdecode(b"not\xff utf-8.png"))
    picture(Path(names[-1]), 10)
    write_list(*names)
    chosen = {"named": names, "found": ["--recursive", "."]}.get(way, ["--files0-from", "list"])
    done = Counter[str]()
    for number in range(1, total + 1):
        ran = convcli("apply", *chosen, *BOX, "--json", "--shard", f"{number}/{total}")
        assert (ran.code, ran.err) == (0, "")
        done.update(json.loads(line)["output"] for line in ran.out.splitlines())
    assert set(done.values()) == {1}
    assert len(done) == len(names)
    sharded = contents(Path("out"))
    assert convcli("apply", *chosen, *BOX, "--force", "--json").code == 0
    assert contents(Path("out")) == sharded


def test_a_shard_does_not_depend_on_the_other_inputs_or_on_the_process(names: list[str]) -> None:
    for name in names:
        alone = [Shard(number, 5).has(name) for number in range(1, 6)]
        assert alone.count(True) == 1
    script = (
        "from convcli.pipeline.inputs import Shard; print(Shard(2, 5).has('a.png'), Shard(3, 7).has('a.png'))"
    )
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stdout == f"{Shard(2, 5).has('a.png')} {Shard(3, 7).has('a.png')}\n"


def test_shards_of_numbered_names_are_of_one_size() -> None:
    for total in (2, 4, 10):
        sizes = Counter(
            number
            for name in range(5000)
            for number in range(1, total + 1)
            if Shard(number, total).has(f"{name:08}.png")
        )
        expected = 5000 / total
        assert all(abs(size - expected) < 5 * expected**0.5 for size in sizes.values())
        assert len(sizes) == total


@given(st.text(max_size=20).map(lambda text: os.fsdecode(os.fsencode(text.encode("utf-8", "ignore")))))
def test_any_name_belongs_to_one_shard(name: str) -> None:
    assert [Shard(number, 6).has(name) for number in range(1, 7)].count(True) == 1


def test_an_empty_shard_has_nothing_to_do(convcli: Runner, names: list[str]) -> None:
    empty = next(number for number in range(1, 5) if not Shard(number, 4).has(names[0]))
    with nothing_changes(Path()):
        assert convcli("pool", names[0], "--out-dir", "out", "--shard", f"{empty}/4").all == (0, "", "")
        seen = on_terminal("pool", names[0], "--out-dir", "out", "--shard", f"{empty}/4")
    assert (seen.code, seen.out) == (0, "")


def test_two_results_for_one_output_are_refused_by_every_shard(convcli: Runner, names: list[str]) -> None:
    picture(Path("other/0.png"))
    for number in range(1, 6):
        with nothing_changes(Path()):
            ran = convcli("apply", *names, "other/0.png", *BOX, "--shard", f"{number}/5")
        assert_refused(ran, "out/0-box: 2 results have this output")
        assert_refused(
            convcli("apply", *names, "--filter", "box", "-o", "one.png", "--shard", f"{number}/5"),
            "one.png: is a single file for 10 results",
        )


def test_no_output_replaces_an_input_of_another_shard(convcli: Runner, in_folder: Path) -> None:
    for name in "abcdefgh":
        picture(in_folder / f"{name}.png")
        picture(in_folder / f"{name}-box.png", 1)
    names = sorted(path.name for path in in_folder.iterdir())
    with nothing_changes(Path()):
        for number in (1, 2):
            ran = convcli("apply", *names, "--filter", "box", "--force", "--shard", f"{number}/2")
            own = [name for name in names if Shard(number, 2).has(name)]
            refused = [name for name in own if "box" not in name]
            assert 0 < len(refused) < 8
            for name in refused:
                assert f"convcli: {name[0]}-box.png: is an input, and inputs are never overwritten" in ran.err
            for name in ran.out.splitlines():
                Path(name).unlink()


def test_a_lost_shard_is_continued(convcli: Runner, names: list[str]) -> None:
    line = ("apply", *names, *BOX, "--shard", "1/2")
    assert convcli(*line).code == 0
    outputs = sorted(Path("out").iterdir())
    assert 0 < len(outputs) < len(names)
    outputs[0].unlink()
    ran = convcli(*line, "--skip-existing")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{outputs[0]}\n"


@pytest.mark.parametrize(
    ("shard", "why"),
    [
        ("0/4", "shards are numbered from 1 to 4; add 1 to a number that starts at 0"),
        ("5/4", "shards are numbered from 1 to 4"),
        *(
            (wrong, "must be I/N, such as 1/4 for the first of four runs")
            for wrong in (
                "x",
                "1/0",
                "1",
                "1/2/3",
                "-1/2",
                "1/-2",
                "1.5/2",
                "\u0661/2",
                " 1/2",
                "1/9999999999",
                "",
            )
        ),
    ],
)
def test_shards_that_are_none(convcli: Runner, names: list[str], shard: str, why: str) -> None:
    with nothing_changes(Path()):
        assert_refused(convcli("apply", names[0], *BOX, f"--shard={shard}"), f"--shard {shard}: {why}")


def test_standard_input_belongs_to_no_shard(convcli: Runner, names: list[str]) -> None:
    write_list(names[0], "-")
    for line in (("-",), (names[0], "-"), ("--files0-from", "list")):
        assert_refused(
            convcli("apply", *line, *BOX, "--shard", "1/2"),
            "--shard: needs names of files, but - is standard input; name a file",
        )


def test_the_largest_shard() -> None:
    assert parse_shard("999999999/999999999") == Shard(999_999_999, 999_999_999)


@pytest.mark.parametrize(
    ("language", "variables"),
    [
        ("bash", {"SLURM_ARRAY_TASK_ID": "{}", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_CPUS_PER_TASK": "1"}),
        ("yaml", {"JOB_COMPLETION_INDEX": "{}"}),
    ],
)
def test_the_array_jobs_of_the_documentation(
    convcli: Runner, names: list[str], language: str, variables: dict[str, str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text("utf-8")
    scripts = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (script,) = (script for script in scripts if '--shard "$((' in script)
    if language == "yaml":
        script = " ".join(script.partition("args:\n            - ")[2].partition("volumeMounts:")[0].split())
    Path("photos").mkdir()
    for name in names:
        Path(name).rename(Path("photos", Path(name).name))
    line = script.replace("/data/", "").replace("convcli", r"printf '%s\0'", 1)
    done: list[str] = []
    for index in range(8):
        environment = {name: value.format(index) for name, value in variables.items()}
        words = subprocess.check_output(["bash", "-c", line], env=os.environ | environment, text=True)
        ran = convcli(*words.split("\0")[:-1])
        assert (ran.code, ran.err) == (0, "")
        done += ran.out.replace("new\nline", "new line").splitlines()
    assert len(done) == len(set(done)) == len(names) == len(list(Path("edges").iterdir()))


# Lists that are too long to be held -----------------------------------------------------------------------


@pytest.mark.usefixtures("three_held")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_long_list_gives_what_a_short_one_gives(convcli: Runner, names: list[str], jobs: int) -> None:
    write_list(*names)
    names[4:4] = ["missing.png"]
    write_list(*names, file="longer")
    outputs = [str(Path("out", f"{Path(name).stem}-box.png")) for name in names if name != "missing.png"]
    ran = convcli("apply", "--files0-from", "longer", *BOX, "-j", jobs)
    assert (ran.code, ran.out) == (1, "".join(f"{output}\n" for output in outputs))
    assert ran.err.splitlines() == [
        "convcli: missing.png: no such file or directory",
        "convcli: 11 inputs: 10 done, 1 failed",
    ]
    streamed = contents(Path("out"))
    assert convcli("apply", *names, *BOX, "--force").code == 1
    assert contents(Path("out")) == streamed


@pytest.mark.usefixtures("three_held")
@pytest.mark.parametrize(("count", "is_held"), [(2, True), (3, True), (4, False)])
def test_how_many_names_are_held(in_folder: Path, count: int, is_held: bool) -> None:
    names = [f"{number}.png" for number in range(count)]
    write_list(*names)
    found = gather_inputs(None, files0_from="list")
    assert found.known_count == (count if is_held else None)
    assert [source.name for source in found.held] == names[:3]
    assert [source.name for source in found.rest] == names[3:]
    forced = gather_inputs(None, files0_from="list", hold_all=True)
    assert forced == Inputs([Source(name) for name in names], [Source(name) for name in names])
    assert in_folder


@pytest.mark.usefixtures("three_held")
@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME_BYTES + 1)])
def test_a_wrong_name_ends_a_long_list_after_what_was_done(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shown = "name number 6 is empty" if not name else f"name number 6 has over {MAX_NAME_BYTES} bytes"
    write_list(*names[:5], name, *names[5:])
    ran = convcli("apply", "--files0-from", "list", *BOX)
    assert (ran.code, ran.out) == (1, "".join(f"out/{number}-box.png\n" for number in range(5)))
    assert ran.err.splitlines() == [
        f"convcli: list: {shown}; the names behind it were not read",
        "convcli: 6 inputs: 5 done, 1 failed",
    ]
    as_json = convcli("apply", "--files0-from", "list", "--filter", "sobel", "--out-dir", "out", "--json")
    failed = {"input": "list", "output": None, "error": f"{shown}; the names behind it were not read"}
    assert failed in map(json.loads, as_json.out.splitlines())
    monkeypatch.setattr(inputs, "MAX_HELD_NAMES", 100)
    with nothing_changes(Path()):
        assert_refused(convcli("apply", "--files0-from", "list", *BOX), f"--files0-from list: {shown}")


@pytest.mark.usefixtures("three_held")
def test_every_shard_of_a_list_says_that_it_ends_early(convcli: Runner, names: list[str]) -> None:
    write_list(*names[:5], "", *names[5:])
    done = ""
    for number in (1, 2, 3):
        ran = convcli("apply", "--files0-from", "list", *BOX, "--shard", f"{number}/3")
        assert ran.code == 1
        assert "convcli: list: name number 6 is empty" in ran.err
        done += ran.out
    assert sorted(done.splitlines()) == [f"out/{number}-box.png" for number in range(5)]


@pytest.mark.usefixtures("three_held")
def test_standard_input_late_in_a_long_list_fails(convcli: Runner, names: list[str]) -> None:
    write_list(*names[:4], "-", names[4])
    ran = convcli("apply", "--files0-from", "list", *BOX)
    assert (ran.code, ran.out) == (1, "".join(f"out/{number}-box.png\n" for number in range(5)))
    assert ran.err.startswith("convcli: standard input: comes behind 3 names in the list; move - up\n")


@pytest.mark.usefixtures("three_held")
@pytest.mark.parametrize("options", [(), ("--skip-existing",)])
def test_two_results_for_one_output_in_a_long_list(
    convcli: Runner, names: list[str], options: tuple[str, ...]
) -> None:
    for folder in ("x", "y"):
        picture(Path(folder, "5.png"), 99)
        picture(Path(folder, "0.png"), 99)
    write_list(*names[:6], "x/5.png", "y/0.png", names[6])
    ran = convcli("apply", "--files0-from", "list", *BOX, *options)
    assert (ran.code, ran.out) == (1, "".join(f"out/{number}-box.png\n" for number in range(7)))
    assert ran.err.splitlines() == [
        f"convcli: {name}: another result has the same output out/{name[2]}-box.*; rename one, or run them separately"
        for name in ("x/5.png", "y/0.png")
    ] + ["convcli: 9 inputs: 7 done, 2 failed"]
    alone = contents(Path("out"))
    assert convcli("apply", *names[:7], *BOX, "--force").code == 0
    assert contents(Path("out")) == alone
    Path("other").mkdir()
    write_list(names[0], "x/0.png", names[1], names[2])
    assert_refused(
        convcli("apply", "--files0-from", "list", "--filter", "box", "--out-dir", "other"),
        "other/0-box: 2 results have this output",
    )


@pytest.mark.usefixtures("three_held")
def test_a_forgotten_output_is_not_replaced(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.pipeline.batch.REMEMBERED_OUTPUTS", 1)
    picture(Path("x/0.png"), 99)
    write_list(*names[:5], "x/0.png")
    ran = convcli("apply", "--files0-from", "list", *BOX)
    assert ran.code == 1
    assert ran.err.startswith("convcli: out/0-box.png: exists; use --force to overwrite it\n")
    written = Path("out/0-box.png").read_bytes()
    assert convcli("apply", names[0], *BOX, "--force").code == 0
    assert Path("out/0-box.png").read_bytes() == written


@pytest.mark.usefixtures("three_held")
def test_with_force_all_names_are_known_before_an_input_could_be_replaced(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(Path("0-box.png"), 99)
    write_list(*names[:6], "0-box.png")
    before = Path("0-box.png").read_bytes()
    ran = convcli("apply", "--files0-from", "list", "--filter", "box", "--force")
    assert ran.code == 1
    assert "convcli: 0-box.png: is an input, and inputs are never overwritten" in ran.err
    assert Path("0-box.png").read_bytes() == before
    without = convcli("apply", "--files0-from", "list", "--filter", "sobel")
    assert without.code == 0
    monkeypatch.setattr(inputs, "MAX_NAMES_BYTES", 20)
    with nothing_changes(Path()):
        ran = convcli("apply", "--files0-from", "list", "--filter", "box", "--force")
        assert_failed(
            ran, 1, "list: has more than 20 bytes of names, and --force needs all of them; leave it out"
        )


@pytest.mark.usefixtures("three_held")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "one.png"), "one.png: is a single file for 3 results"),
        (("--sheet", "one.png"), "--sheet one.png: is a single file for 3 inputs"),
    ],
)
def test_one_file_for_a_long_list_is_refused(
    convcli: Runner, names: list[str], options: tuple[str, ...], message: str
) -> None:
    write_list(*names)
    with nothing_changes(Path()):
        assert_refused(convcli("apply", "--files0-from", "list", "--filter", "box", *options), message)


@pytest.mark.usefixtures("three_held")
def test_a_name_that_leads_out_of_the_folder_fails_late_in_a_long_list(
    convcli: Runner, names: list[str]
) -> None:
    write_list(*names[:4], "..", names[4])
    ran = convcli("pool", "--files0-from", "list", "--out-dir", "out", "--name", "{name}/x.{ext}")
    assert ran.code == 1
    assert ran.out.splitlines() == [f"out/{number}.png/x.png" for number in range(5)]
    assert "convcli: ..: --name '{name}/x.{ext}': leads out of the output folder for ..: ../x." in ran.err


def test_names_are_read_from_a_pipe_as_they_come(
    convcli: Runner, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first outputs are there before the list ends."""
    monkeypatch.setattr(inputs, "MAX_HELD_NAMES", 1)
    os.mkfifo("pipe")

    def write() -> None:
        with Path("pipe").open("wb", buffering=0) as stream:
            stream.write(f"{names[0]}\0{names[1]}\0{names[2]}\0".encode())
            while not Path("out/0-box.png").exists():
                pass
            stream.write(f"{names[3]}\0".encode())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    ran = convcli("apply", "--files0-from", "pipe", *BOX)
    writer.join(10)
    assert ran.all == (0, "".join(f"out/{number}-box.png\n" for number in range(4)), "")


@pytest.mark.usefixtures("three_held")
def test_a_terminal_sees_the_progress_of_a_list_of_unknown_length(in_folder: Path) -> None:
    names = [f"{number}.png" for number in range(5)]
    for name in names:
        picture(in_folder / name)
    write_list(*names)
    script = "import sys; from convcli.pipeline import inputs; inputs.MAX_HELD_NAMES = 3; from convcli.__main__ import main; main()"
    parent, child = os.openpty()
    ran = subprocess.run(
        [sys.executable, "-c", script, "apply", "--files0-from", "list", *BOX],
        stdout=subprocess.PIPE, stderr=child, env={**os.environ, "TERM": "xterm"}, check=False,
    )  # fmt: skip
    os.close(child)
    shown = all_shown(parent).decode()
    os.close(parent)
    assert (ran.returncode, ran.stdout.count(b"\n")) == (0, 5)
    assert "convcli: 5 inputs: 5 done" in shown


@given(
    st.lists(
        st.binary(min_size=1, max_size=2 * CHUNK_BYTES).map(lambda name: name.replace(b"\0", b"x")),
        max_size=4,
    )
)
def test_any_names_are_read_as_they_are(tmp_path_factory: pytest.TempPathFactory, names: list[bytes]) -> None:
    file = tmp_path_factory.mktemp("lists") / "list"
    for end in (b"", b"\0"):
        file.write_bytes(b"\0".join(names) + (end if names else b""))
        assert [os.fsencode(name) for name in read_names(str(file))] == names


def test_memory_does_not_grow_with_the_list(in_folder: Path) -> None:
    """Nothing is held of names behind the first ones."""
    import tracemalloc

    peaks = []
    for count in (5000, 20_000):
        with Path("list").open("wb") as file:
            file.writelines(b"pictures/%09d.png\0" % number for number in range(count))
        tracemalloc.start()
        found = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inputs, "MAX_HELD_NAMES", 1000)
            for _ in gather_inputs(None, files0_from="list").rest:
                found += 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == count - 1000
    assert peaks[1] < 1.2 * peaks[0]
    assert in_folder
