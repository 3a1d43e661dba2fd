"""``convcli lesson``: list the steps of a lesson in convolution, or run one."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from convcli.cli.completion.completers import lesson_steps
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.terminal.output import (
    answer_columns,
    is_human_readable,
    message,
    stdout_is_terminal,
    wrapped,
    write,
    write_json,
)
from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.cli.lesson.steps import Step

__all__ = ["OUTPUT_OPTIONS", "lesson", "run_command"]

OUTPUT_OPTIONS = {"-o", "--sheet", "--curve", "--animate"}  # name a file; they end the lesson's commands
SEEN = {".svg", ".png", ".jpg", ".html"}  # endings of files that a browser shows
EXPLAINING = {"explain", "learn"}  # the commands that print an answer besides
MAX_COLUMNS = 80  # of the text, which reads badly on wider lines


def lesson(
    step: Annotated[
        str | None,
        Argument(metavar="[STEP]", help="Number of the step to run.", autocompletion=lesson_steps),
    ] = None,
    answers: Annotated[
        bool, Option("--answers", help="Show the answers to the questions instead of running the step.")
    ] = False,
    force: options.Force = False,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """List the steps of a lesson in convolution, or run one.

    \b
    convcli lesson
    convcli lesson 2
    convcli lesson 2 --answers

    A step prints its text, runs its commands, showing each before its output, and asks a question, also when
    piped (convcli lesson 2 | less). Pictures, and the sample images that the commands read, go to the current
    folder. A file that exists is kept; use --force to overwrite it. With --json, prints the step instead of
    running it.

    The page docs/lesson.md shows all steps with their output and pictures.
    """
    options.apply_text_option(text, json=json)
    from convcli.cli.lesson.steps import find_step, read_steps  # late, as below: help needs none of it

    if step is None:
        if answers or force:
            raise UsageError("STEP", "missing; for example: convcli lesson 3")
        steps = read_steps()
        if json:
            for one in steps:
                write_json(_record(one))
        elif is_human_readable():
            lines = "".join(f"{one.number:>3}  {one.title}\n" for one in steps)
            write(
                f"{lines}\nRun one: convcli lesson 1 or convcli lesson 1 | less; pictures go to this folder\n"
            )
        else:
            write("".join(f"{one.number}\t{one.title}\n" for one in steps))
        return 0
    options.check_exclusive({"--answers": answers, "--force": force, "--json": json})
    found = find_step(step)
    if json:
        write_json(_record(found))
    elif answers:
        _show_answers(found)
    else:
        return _run_step(found, force=force)
    return 0


def _record(step: "Step") -> dict[str, object]:
    return {
        "step": step.number,
        "title": step.title,
        "text": step.text,
        "commands": step.commands,
        "questions": [question._asdict() for question in step.questions],
    }


def _run_step(step: "Step", *, force: bool) -> int:
    """Print a step and run its commands; return the highest of their exit codes."""
    from convcli.cli.lesson.steps import Commands, Paragraph, Question

    code = 0
    write(f"{step.number}. {step.title}\n")
    for part in step.parts:
        if isinstance(part, Paragraph):
            write(f"\n{_wrapped(part.text)}")
        elif isinstance(part, Question):
            write(f"\n{_wrapped(part.text, 'Ask:  ')}")
        elif isinstance(part, Commands):
            for line in part.lines:
                write(f"\n{_typed(line)}\n")
                code = max(code, run_command(line, force=force))
    write(f"\n{_wrapped(f'convcli lesson {step.number} --answers', 'Answers:  ')}")
    names = [line.split()[-1] for line in step.commands]
    pictures = ", ".join(name for name in names if Path(name).suffix in SEEN)
    if pictures:
        write(_wrapped(f"{pictures}, in this folder; open in a browser", "Pictures: "))
    if stdout_is_terminal():
        write(
            _wrapped(
                f"convcli lesson {step.number} | less, if the step is longer than the screen", "Scroll:   "
            )
        )
    return code


def run_command(line: str, *, force: bool) -> int:
    """Run a command line in this process, and return its exit code.

    Standard output gets what a terminal shows. A file that exists is only written again if `force` is true.
    """
    from convcli.cli.error_handling import run
    from convcli.cli.lesson.samples import provide_samples

    _, *words = shlex.split(line)
    *others, option, name = words
    if option in OUTPUT_OPTIONS and Path(name).exists():
        if not force:
            message("note", f"{name} exists and stays as it is; add --force to overwrite it")
        if not force and words[0] not in EXPLAINING:
            return 0
        words = [*words, "--force"] if force else others
    provide_samples(words)
    return run([*words, *([] if stdout_is_terminal() else ["--text"])])


def _show_answers(step: "Step") -> None:
    """Print the questions of a step with their answers."""
    write(f"{step.number}. {step.title}\n")
    for question in step.questions:
        write(f"\n{_wrapped(question.text, 'Ask:     ')}{_wrapped(question.answer, 'Answer:  ')}")


def _wrapped(text: str, label: str = "") -> str:
    return wrapped(text, label, " " * len(label), min_width=20, columns=min(answer_columns(), MAX_COLUMNS))


def _typed(line: str) -> str:
    """Return a command line as in a shell; one that is too long continues on the next line with an option."""
    typed, columns = f"$ {line}", answer_columns()
    if len(typed) <= columns:
        return typed
    first, *options = re.split(" (?=-)", typed)
    lines = [first]
    for option in options:
        if len(f"{lines[-1]} {option} \\") <= columns:
            lines[-1] += f" {option}"
        else:
            lines.append(f"    {option}")
    return " \\\n".join(lines)
