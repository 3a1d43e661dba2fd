"""``convcli lesson``, its steps, and docs/lesson.md, which is made of them."""

import json
import re
from pathlib import Path

import pytest

from convcli.cli.commands.lesson import OUTPUT_OPTIONS
from convcli.cli.lesson import samples
from convcli.cli.lesson.steps import Step, read_steps
from tests.support.command_line import SAMPLES, Runner, assert_refused, contents, nothing_changes
from tests.support.lesson_page import PAGE, lesson_page

STEPS = read_steps()
TEXT = PAGE.read_text("utf-8")


def test_the_page_is_current() -> None:
    """Runs every command; ``python -m tests.support.lesson_page`` makes the page anew, if this fails."""
    assert lesson_page() == TEXT


def test_every_output_fits_a_terminal_of_24_rows_and_80_columns() -> None:
    outputs = re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    commands = [line for step in STEPS for line in step.commands]
    for command, output in zip(commands, outputs, strict=True):
        lines = output.splitlines()
        assert max(map(len, lines)) <= 80
        assert len(f"$ {command}") // 81 + 1 + len(lines) + 1 <= 24  # with the command and the next prompt


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_step_has_text_something_to_see_a_question_and_its_answer(step: Step) -> None:
    assert step.number == STEPS.index(step) + 1
    assert step.text
    assert step.commands
    assert [question for question in step.questions if question.text.endswith("?") and question.answer]
    assert len(step.text.split()) <= 110
    for line in step.commands:
        words = line.split()
        assert words[0] == "convcli"
        assert not OUTPUT_OPTIONS & {*words[:-2]}  # `run_command` finds them at the end


def test_the_article_is_covered_in_its_order() -> None:
    numbers = [
        "Hubel", "4,915,500", "300,000,300", "30   30", "-30", "--signed abs", "checkerboard", "--angle 70", "--angle 45",
        "scharr-x", "convcli learn", "N - F + 1", "--p 1 --reads", "23.4 %", "6x6x3", "color-edges", "(5·5·3 + 1)·6 = 456",
        "m x n_h x n_w x n_c = 10 x 16 x 16 x 6", "max(2, 3, 1, 2) = 3", "8/4 = 2", "maxpool f2  14x14x6       0",
        "two-edges.csv, vertical, column 7", "75 of 1,728", "--shift 1..4",
    ]  # fmt: skip
    places = [TEXT.find(number) for number in numbers]
    assert -1 not in places
    assert places == sorted(places)


def test_the_list_of_steps(convcli: Runner) -> None:
    ran = convcli("lesson")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [f"{step.number}\t{step.title}" for step in STEPS]
    text = convcli("lesson", "--text").out.splitlines()
    assert text[9] == " 10  N - F + 1"
    assert text[-1] == "Run one: convcli lesson 1 or convcli lesson 1 | less; pictures go to this folder"
    assert len(text) < 24  # a row is the prompt's
    records = [json.loads(line) for line in convcli("lesson", "--json").out.splitlines()]
    assert [(record["step"], record["title"]) for record in records] == [step[:2] for step in STEPS]
    assert records[14]["commands"] == ["convcli params --f 5 --c-in 3 --c-out 6"]


def test_a_step_shows_its_text_each_command_before_its_output_and_the_question(
    convcli: Runner, in_folder: Path
) -> None:
    with nothing_changes(in_folder):
        ran = convcli("lesson", "10")
    assert (ran.code, ran.err) == (0, "")
    title, text, first, second, question, hint = re.split(r"\n\n(?=How|\$|Ask|Answers)", ran.out)
    assert title == "10. N - F + 1"
    assert " ".join(text.split()) == STEPS[9].text
    shown = convcli("explain", "--n", 6, "--f", 3, "--at", "3,3", "--text").out.strip()
    assert first == f"$ convcli explain --n 6 --f 3 --at 3,3\n{shown}"
    assert second.startswith("$ convcli shape --n 32 --f 5\n28x28\n")
    assert " ".join(question.split()) == f"Ask: {STEPS[9].questions[0].text}"
    assert hint == "Answers:  convcli lesson 10 --answers\n"


def test_a_command_that_is_too_long_for_the_terminal_can_be_copied(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = convcli("lesson", "4").out
    command = shown.split("\n$ ")[3].partition("\nmirror.png  (")[0]
    assert max(map(len, command.splitlines())) <= 60
    assert command.count(" \\\n    ") == 1
    assert command.replace(" \\\n    ", " ") in STEPS[3].commands
    assert (in_folder / "mirror.png").exists()


def test_answers_are_shown_without_running_the_step(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("lesson", "3", "--answers")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("3. The vertical edge\n\nAsk:     Why is the result 0 ")
    assert "\nAnswer:  There the filter lies on equal numbers" in ran.out
    assert json.loads(convcli("lesson", "3", "--json").out)["questions"][0]["answer"].startswith("There ")


def test_samples_are_copied_and_files_that_exist_are_kept(convcli: Runner, in_folder: Path) -> None:
    first = convcli("lesson", "3")
    note = "copied sample_images/vertical-edge.csv here, so that you can change the command and run it again"
    assert (first.code, first.err) == (0, f"convcli: note: {note}\n")
    assert "\nPictures: sliding.svg, play.html, in this folder; open in a browser\n" in first.out
    assert "Scroll:" not in first.out  # which a pipe does not need
    assert first.out.index("sliding.svg\n") < first.out.index("drawn  sliding.svg\n")
    copy = in_folder / "sample_images/vertical-edge.csv"
    assert copy.read_bytes() == (SAMPLES / "vertical-edge.csv").read_bytes()
    (in_folder / "sliding.svg").write_text("mine")
    copy.write_text("\n".join(4 * ["7 7 7 0"]))
    with nothing_changes(in_folder):
        second = convcli("lesson", "3")
    assert second.code == 0
    kept = "exists and stays as it is; add --force to overwrite it"
    assert second.err == f"convcli: note: sliding.svg {kept}\nconvcli: note: play.html {kept}\n"
    assert "sum    7 + 7 + 7 = 21\n" in second.out
    assert "drawn" not in second.out
    third = convcli("lesson", "3", "--force")
    assert (third.code, third.err) == (0, "")
    assert "drawn  sliding.svg\n" in third.out
    assert (in_folder / "sliding.svg").read_text("utf-8").startswith("<svg ")


def test_a_command_that_only_writes_a_file_is_left_out_if_the_file_exists(
    convcli: Runner, in_folder: Path
) -> None:
    (in_folder / "mirror.png").write_text("mine")
    ran = convcli("lesson", "4")
    assert ran.code == 0
    assert ran.err.splitlines()[1].startswith("convcli: note: mirror.png exists and stays as it is; ")
    assert (in_folder / "mirror.png").read_text() == "mine"


def test_a_failing_command_is_reported_and_the_step_goes_on(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "sample_images").mkdir()
    (in_folder / "sample_images/checkerboard.csv").write_text("1 2\n3 4\n")
    ran = convcli("lesson", "6")
    assert ran.code == 2
    assert [line[:44] for line in ran.err.splitlines()] == 3 * [
        "convcli: sample_images/checkerboard.csv: fil"
    ]
    assert "Ask:  " in ran.out


@pytest.mark.parametrize("step", ["0", "99", "22", "x", "-", "1.5", "٣", "9" * 30])
def test_a_step_that_does_not_exist(convcli: Runner, in_folder: Path, step: str) -> None:
    with nothing_changes(in_folder):
        assert_refused(convcli("lesson", step), f"step '{step}': must be a whole number from 1 to 21; ")


def test_options_that_need_a_step(convcli: Runner) -> None:
    for option in ("--answers", "--force"):
        assert_refused(convcli("lesson", option), "STEP: missing; for example: convcli lesson 3\n")


def test_samples_of_an_installation(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel has them among its data files, wherever the system puts these; RECORD lists them."""
    record = "../../../share/convcli/sample_images/two-edges.csv"
    installed = in_folder / "lib/python/site-packages/convcli-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: convcli\nVersion: 1\n")
    (installed / "RECORD").write_text(f"{record},,\n")
    monkeypatch.setattr(samples, "SOURCE_FOLDER", in_folder / "nowhere")
    monkeypatch.syspath_prepend(installed.parent)
    failed = convcli("lesson", "5")
    assert failed.code == 1
    assert failed.err.splitlines()[0].startswith("convcli: sample_images/two-edges.csv: is missing in this ")
    shared = in_folder / "share/convcli/sample_images"
    shared.mkdir(parents=True)
    (shared / "two-edges.csv").write_bytes((SAMPLES / "two-edges.csv").read_bytes())
    ran = convcli("lesson", "5")
    assert ran.code == 0
    assert "\n30  0 30  0  0 30  0 30\n" in ran.out
    assert contents(in_folder)["sample_images/two-edges.csv"] == (SAMPLES / "two-edges.csv").read_bytes()
