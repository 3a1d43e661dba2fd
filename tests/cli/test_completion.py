"""Completion: what is offered, how shells are told, and how it is installed."""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convcli.cli.app import root_command
from convcli.cli.command_line import COMMANDS
from convcli.cli.completion.complete import completions, parse_command_line
from convcli.cli.completion.completers import banks, filters, networks
from convcli.cli.completion.shells import Shell, completion_script, install_completion
from convcli.kernels.banks import orientation_bank
from convcli.kernels.catalog import CATALOG
from convcli.kernels.lookup import get_filter
from convcli.networks.sources import shipped_networks
from convcli.networks.text.layer_words import next_words
from tests.support.command_line import Runner, contents, nothing_changes

WORDS = st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8))


@pytest.fixture
def photo(in_folder: Path) -> Path:
    """A small color picture, ``photo.png``."""
    pixels = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8, endpoint=True)
    Image.fromarray(pixels).save(in_folder / "photo.png")
    return in_folder / "photo.png"


def offered(line: str) -> list[str]:
    """Return what the last word of a line may become."""
    typed = parse_command_line(line)
    return [text for text, _ in completions(root_command(), typed.words[1:], typed.last)]


# The line -------------------------------------------------------------------------------------------------


@given(WORDS)
def test_quoted_words_are_read_as_shlex_writes_them(words: list[str]) -> None:
    assert parse_command_line(shlex.join([*words, ""]).removesuffix("''")).words == tuple(words)


@given(WORDS, st.text("abc {}|,@'", max_size=20))
def test_an_open_quote_holds_the_last_word(words: list[str], text: str) -> None:
    typed = parse_command_line(shlex.join([*words, ""]).removesuffix("''") + f'"{text}')
    assert (typed.words, typed.last, typed.quote) == (tuple(words), text, '"')


@pytest.mark.parametrize(
    ("line", "words", "last"),
    [
        ("", (), ""),
        ("convcli", (), "convcli"),
        ("convcli  apply\t", ("convcli", "apply"), ""),
        (r"convcli my\ ph", ("convcli",), "my ph"),
        ("convcli 'a\"b'c", ("convcli",), 'a"bc'),
        (r'convcli "a\"b\n', ("convcli",), r'a"b\n'),
        ("convcli ''", ("convcli",), ""),
        ("convcli \\", ("convcli",), ""),
    ],
)
def test_lines(line: str, words: tuple[str, ...], last: str) -> None:
    assert parse_command_line(line)[:2] == (words, last)


# What is offered ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("convcli ", [*COMMANDS]),
        ("convcli p", ["pool", "params"]),
        ("convcli help e", ["explain"]),
        ("convcli apply --bor", ["--border"]),
        ("convcli apply --border ", ["zero", "constant:", "edge", "reflect", "symmetric", "wrap"]),
        ("convcli apply --border=re", ["--border=reflect"]),
        ("convcli apply photo.png --signed c", ["clip", "center"]),
        ("convcli explain photo.png --signed ", ["abs", "clip", "center", "raw"]),
        ("convcli explain --channel ", ["each", "sum", "gray", "r", "g", "b"]),
        ("convcli apply --channels ", ["each", "sum", "gray", "r", "g", "b", "depthwise"]),
        ("convcli explain a.png --channels ", ["each", "sum", "gray", "r", "g", "b"]),
        ("convcli apply --combine ", ["max", "sum", "norm"]),
        ("convcli apply --filter sobel:norm=", ["sobel:norm=l1", "sobel:norm=l2", "sobel:norm=max"]),
        ("convcli apply --bank sobel:4,", ["sobel:4,size="]),
        ("convcli pool --mode ", ["max", "avg"]),
        ("convcli pool --mode max --mode a", ["avg"]),
        ("convcli apply --format t", ["tiff", "txt"]),
        ("convcli apply --scale ", ["gain"]),
        ("convcli learn a.png b.npy --optimizer ", ["adam", "momentum", "sgd"]),
        ("convcli params resnet18 --dtype ", ["fp32", "bf16", "fp16", "fp8", "int8"]),
        ("convcli shape -p ", ["valid", "same", "same_lower"]),
        ("convcli apply --order ", ["hwio", "oihw"]),
        ("convcli apply --filter gauss", ["gaussian"]),
        ("convcli apply --filter gaussian", ["gaussian", "gaussian:"]),
        ("convcli apply --filter gaussian:", ["gaussian:sigma=", "gaussian:size="]),
        ("convcli apply --filter gaussian:size=5,", ["gaussian:size=5,sigma="]),
        ("convcli apply --filter sobel-x:size=", [f"sobel-x:size={size}" for size in (3, 5, 7)]),
        ("convcli apply --filter=gaussian:si", ["--filter=gaussian:sigma=", "--filter=gaussian:size="]),
        ("convcli apply --filter box --filter la", ["laplacian", "laplacian-8"]),
        ("convcli apply --bank gabor:", ["gabor:4", "gabor:8", "gabor:16"]),
        ("convcli apply --bank gabor:8,si", ["gabor:8,sigma=", "gabor:8,size="]),
        ("convcli filters sc", ["scharr-x", "scharr-y", "scharr"]),
        ("convcli params vgg", ["vgg11", "vgg16", "vgg16_bn"]),
        ("convcli params vgg11 --against vgg16_", ["vgg16_bn"]),
        ('convcli shape "conv 6 f5, re', ["conv 6 f5, relu", "conv 6 f5, relu6"]),
        ('convcli shape "conv 6 f5,re', ["conv 6 f5,relu", "conv 6 f5,relu6"]),
        ('convcli shape "cat { conv 6 f5 | ta', ["cat { conv 6 f5 | tanh", "cat { conv 6 f5 | tanh,"]),
        ('convcli shape "conv 6 f5 no', ["conv 6 f5 nobias"]),
        ("convcli --sh", ["--show-completion", "--shell"]),
        ("convcli --shell ", ["bash", "zsh", "fish"]),
        ("convcli --shell zsh --install-completion le", ["learn", "lesson"]),
        ("convcli apply --fl", ["--flip"]),
        ("convcli apply --flip --fl", []),
        ("convcli apply -- --fl", []),
        ("convcli apply --filter box ", []),
        ("convcli apply --output ", []),
        ("convcli apply --nonsense=", []),
        ("convcli filters nonsense:", []),
    ],
)
def test_offers(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_options_are_offered_once_each_and_by_every_name_when_begun() -> None:
    whole, begun = offered("convcli shape --"), offered("convcli shape --n")
    assert "--input-size" in whole
    assert "--n" not in whole
    assert begun == ["--n"]
    assert len(whole) == len(set(whole))


def test_behind_the_last_argument_options_are_offered() -> None:
    assert offered("convcli params resnet18 ") == offered("convcli params resnet18 --")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("option", ["--border", "--signed", "--channels", "--padding", "--format", "--scale"])
def test_every_offered_value_is_taken(convcli: Runner, option: str) -> None:
    for number, value in enumerate(offered(f"convcli apply photo.png --filter box {option} ")):
        whole = f"{value}3" if value.endswith(":") else value
        to: tuple[object, ...] = ("-o", f"{number}.npy") if value == "raw" else ("--out-dir", number)
        to += ("--channels", "gray") if value in ("csv", "txt") else ()
        filters = ("--bank", "sobel:3") if value == "depthwise" else ("--filter", "box")
        ran = convcli("apply", "photo.png", *filters, option, whole, *to)
        assert ran.code == 0, ran.err


def test_every_offered_filter_and_value_of_a_parameter_can_be_built() -> None:
    names = [name for name, _ in filters("")]
    assert names == list(CATALOG)
    for name in names:
        for begun, _ in filters(f"{name}:"):
            values = [text for text, _ in filters(begun)]
            assert values
            for value in values:
                assert get_filter(value).name in (value, name)  # a default word is left out


def test_every_offered_bank_can_be_built() -> None:
    for begun, _ in banks(""):
        for bank, _ in banks(begun):
            assert orientation_bank(bank).count == int(bank.rpartition(":")[2])


def test_networks_are_the_shipped_ones_and_the_files(in_folder: Path) -> None:
    (in_folder / "my.net").touch()
    (in_folder / ".hidden.net").touch()
    (in_folder / "text.txt").touch()
    (in_folder / "folder").mkdir()
    (in_folder / "folder" / "two.net").touch()
    assert [text for text, _ in networks("")] == [*shipped_networks(), "folder/", "my.net"]
    assert offered("convcli shape folder/") == ["folder/two.net"]
    assert offered("convcli shape my") == ["my.net"]
    assert [text for text, _ in networks(".hid")] == [".hidden.net"]


def test_kernel_files_are_offered_behind_an_at(in_folder: Path) -> None:
    for name in ("a.csv", "b.png", "c.safetensors", "line\nbreak.csv"):
        (in_folder / name).touch()
    assert offered("convcli apply --kernel ") == ["@"]
    assert offered("convcli apply --kernel @") == ["@a.csv", "@c.safetensors"]
    assert offered("convcli filters @a") == ["@a.csv"]
    assert offered("convcli apply --kernel @nowhere/") == []


def test_a_layer_is_not_given_twice_what_it_has() -> None:
    assert list(next_words(["conv", "6", "k5", "S2"])) == ["p", "d", "g", "nobias", "ceil"]
    assert list(next_words(["up", "2", "bilinear"])) == ["corners"]
    assert list(next_words(["pad"])) == ["mirror", "edge"]
    assert next_words(["nonsense"]) == {}


def test_tags_are_offered_where_a_layer_reads_one() -> None:
    assert offered('convcli shape "conv 6 f5 @low, relu @high, use @l') == [
        "conv 6 f5 @low, relu @high, use @low"
    ]
    start = "in 9x9x3 @low, relu @high, add "
    assert offered(f'convcli shape "{start}') == [f"{start}@low", f"{start}@high"]
    assert offered('convcli shape "relu @a, conv @') == []
    assert "relu @a, from" in offered('convcli shape "relu @a, fr')


@given(st.text(max_size=30))
def test_no_line_breaks_completion(text: str) -> None:
    for start in (
        "convcli ",
        "convcli apply ",
        "convcli apply --filter ",
        "convcli shape ",
        'convcli shape "',
    ):
        typed = parse_command_line(start + text)
        if typed.words[1:2] and typed.words[1] in COMMANDS:
            for offer, _ in completions(root_command(), typed.words[1:], typed.last):
                assert offer.startswith(typed.last)


# The answer -----------------------------------------------------------------------------------------------


def test_bash_is_told_what_replaces_its_part_of_the_word(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CONVCLI_COMPLETE", "bash")
    assert convcli("convcli apply --filter gaussian:si", "si").all == (0, "sigma=\nsize=\n", "")
    assert (
        convcli('convcli shape "conv 6 f5, re', "conv 6 f5, re").out == "conv 6 f5, relu\nconv 6 f5, relu6\n"
    )
    assert (
        convcli("convcli shape conv\\ 6\\ f5,re", r"conv\ 6\ f5,re").out.split("\n")[0] == r"conv\ 6\ f5,relu"
    )
    assert convcli("convcli apply ", "").all == (0, "", "")


def test_zsh_and_fish_are_told_what_words_mean(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("zsh", "fish"):
        monkeypatch.setenv("_CONVCLI_COMPLETE", shell)
        out = convcli("convcli apply --filter sharp").out
        assert out == f"sharpen\t{CATALOG['sharpen'].summary}\n"


@pytest.mark.parametrize("shell", ["nonsense", "complete_bash", "\x1b[31m", "BASH"])
def test_an_unknown_shell_is_one_line(convcli: Runner, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_CONVCLI_COMPLETE", shell)
    ran = convcli("apply")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("convcli: _CONVCLI_COMPLETE ")
    assert ran.err.count("\n") == 1


def test_no_line_or_a_wrong_command_is_no_answer(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CONVCLI_COMPLETE", "fish")
    assert convcli("convcli nonsense --").all == (0, "", "")
    assert convcli().code == 0


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    "line",
    [
        "convcli ",
        "convcli params re",
        'convcli shape "conv 6 f5, ',
        "convcli apply --",
        "convcli apply --filter ",
        "convcli apply --border ",
    ],
)
def test_completion_loads_nothing_heavy(line: str) -> None:
    program = (
        "import sys\n"
        "from convcli.cli.error_handling import run\n"
        "code = run(sys.argv[1:])\n"
        "print(*sorted({'numpy', 'PIL', 'rich', 'pydantic'} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    variables = os.environ | {"_CONVCLI_COMPLETE": "zsh"}
    ran = subprocess.run(
        [sys.executable, "-c", program, line], capture_output=True, env=variables, check=True
    )
    assert ran.stderr.split() == []
    assert ran.stdout


# The shells -----------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the program under its name."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "convcli").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m convcli "$@"\n')
    (folder / "convcli").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("convcli params resnet1", "resnet1", ["resnet18"]),
        ("convcli apply --filter gaussian:sig", "sig", ["sigma="]),
        ('convcli shape "conv 6 f5, maxp', "conv 6 f5, maxp", [
            "conv 6 f5, maxpool", "conv 6 f5, maxpool fF [sS] [pP] [dD] [ceil]",
        ]),
        ("convcli apply ", "", []),
    ],
)  # fmt: skip
def test_bash_completes(line: str, word: str, expected: list[str]) -> None:
    call = (
        f"COMP_LINE={shlex.quote(line + 'x')} COMP_POINT={len(line)}\n"
        f"_convcli_complete convcli {shlex.quote(word)} ''\n"
        '(( ${#COMPREPLY[@]} )) && printf "%s\\n" "${COMPREPLY[@]}"\n:'
    )
    ran = subprocess.run(
        ["bash", "-c", completion_script(Shell.BASH) + call], capture_output=True, check=True
    )
    assert (ran.stdout.decode().splitlines(), ran.stderr) == (expected, b"")


@pytest.mark.usefixtures("program")
def test_the_tab_key_completes_in_bash(tmp_path: Path) -> None:
    """Type into a bash of its own; what is awaited comes, however long it takes."""
    (tmp_path / "rc").write_text(
        completion_script(Shell.BASH)
        + "PS1='ready> '\nbind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n"
    )
    parent, child = pty.openpty()
    with subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"],
        stdin=child, stdout=child, stderr=child, start_new_session=True,
        env=os.environ | {"TERM": "dumb", "HISTFILE": ""},
    ) as shell:  # fmt: skip
        os.close(child)
        shown = b""

        def await_text(wanted: bytes) -> None:
            nonlocal shown
            deadline = time.monotonic() + 60
            while wanted not in shown:
                assert time.monotonic() < deadline, shown
                if select.select([parent], [], [], 1)[0]:
                    shown += os.read(parent, 4096)

        try:
            await_text(b"ready> ")
            os.write(parent, b"convcli par\t")
            await_text(b"convcli params ")
            os.write(parent, b'"cat { relu | avg\t')
            await_text(b'"cat { relu | avgpool')
        finally:
            shell.kill()
    os.close(parent)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_reads_the_script() -> None:
    subprocess.run(["zsh", "-n"], input=completion_script(Shell.ZSH).encode(), check=True)


@pytest.mark.usefixtures("program")
@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish_completes(tmp_path: Path) -> None:
    asked = completion_script(Shell.FISH) + "complete --do-complete 'convcli params resnet1'\n"
    variables = os.environ | {"HOME": str(tmp_path)}
    ran = subprocess.run(["fish", "-c", asked], capture_output=True, env=variables, check=True)
    assert ran.stdout.decode().startswith("resnet18\t")


# Installation ---------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with no other folders named."""
    folder = tmp_path / "my home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def test_installing_writes_a_script_and_has_it_loaded(convcli: Runner, home: Path) -> None:
    for shell, settings in ((Shell.BASH, ".bashrc"), (Shell.ZSH, ".zshrc")):
        (home / settings).write_bytes(b"alias ll='ls -l' # no end of line, and no UTF-8: \xff")
        place = home / ".local/share/convcli" / f"completion.{shell}"
        ran = convcli("--install-completion", "--shell", shell)
        assert ran.all == (0, f"{place}\n{home / settings}\n", "")
        assert place.read_text() == completion_script(shell)
        kept, line = (home / settings).read_bytes().splitlines()
        assert kept.endswith(b"\xff")
        assert line.decode() == f"[ -r '{place}' ] && . '{place}'  # completion of convcli"


@pytest.mark.parametrize("shell", Shell)
def test_installing_again_changes_nothing(convcli: Runner, home: Path, shell: Shell) -> None:
    assert convcli("--install-completion", "--shell", shell).code == 0
    with nothing_changes(home):
        assert convcli("--install-completion", "--shell", shell).all == (0, "", "")


def test_installing_tells_a_person(terminal: Runner, home: Path) -> None:
    first, again = (terminal("--install-completion", "--shell", "fish") for _ in range(2))
    assert first.out.startswith(
        f"Completion for fish is installed: {home}/.config/fish/completions/convcli.fish."
    )
    assert (
        again.out
        == f"Completion for fish is already installed: {home}/.config/fish/completions/convcli.fish.\n"
    )


@pytest.mark.parametrize("name", ["of two\nlines", "a b'c\"d$e", "\t\\"])
def test_homes_of_any_name(
    convcli: Runner, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HOME", str(home / name))
    assert convcli("--install-completion", "--shell", "bash").code == 0
    asked = f". {shlex.quote(str(home / name / '.bashrc'))}; complete -p convcli"
    assert subprocess.run(["bash", "-c", asked], capture_output=True, check=True).stdout
    with nothing_changes(tmp_path):
        assert convcli("--install-completion", "--shell", "bash").all == (0, "", "")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_settings_that_are_no_file_are_not_waited_for(convcli: Runner, home: Path, kind: str) -> None:
    settings = home / ".bashrc"
    os.mkfifo(settings) if kind == "pipe" else settings.symlink_to("/dev/null")
    ran = convcli("--install-completion", "--shell", "bash")
    assert ran.all == (1, "", f"convcli: {settings}: is a pipe or a device, not a file; {MANUAL_HINT}\n")


def test_the_installed_line_loads_the_script(convcli: Runner, home: Path) -> None:
    convcli("--install-completion", "--shell", "bash")
    asked = f". {shlex.quote(str(home / '.bashrc'))}; complete -p convcli"
    ran = subprocess.run(["bash", "-c", asked], capture_output=True, check=True)
    assert ran.stdout.decode() == "complete -o default -F _convcli_complete convcli\n"


def test_a_linked_file_stays_a_link(convcli: Runner, home: Path) -> None:
    (home / "dotfiles").mkdir()
    (home / "dotfiles" / "bashrc").write_text("first\n")
    (home / ".bashrc").symlink_to("dotfiles/bashrc")
    assert convcli("--install-completion", "--shell", "bash").code == 0
    assert (home / ".bashrc").is_symlink()
    assert (home / "dotfiles" / "bashrc").read_text().startswith("first\n[ -r ")


def test_folders_that_are_named_are_taken(
    convcli: Runner, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "ZDOTDIR").mkdir()
    for shell in Shell:
        assert convcli("--install-completion", "--shell", shell).code == 0
    assert (tmp_path / "XDG_DATA_HOME/convcli/completion.zsh").is_file()
    assert (tmp_path / "XDG_CONFIG_HOME/fish/completions/convcli.fish").is_file()
    assert (tmp_path / "ZDOTDIR/.zshrc").is_file()
    assert contents(home).keys() == {".bashrc"}


def test_a_shell_without_paths_is_an_error_not_zsh(home: Path) -> None:
    with nothing_changes(home), pytest.raises(AssertionError, match="tcsh"):
        install_completion(cast("Shell", "tcsh"))


MANUAL_HINT = "use convcli --show-completion to print the script"


def test_what_is_anothers_stays(convcli: Runner, home: Path) -> None:
    place = home / ".config/fish/completions/convcli.fish"
    place.parent.mkdir(parents=True)
    place.write_text("# mine\n")
    with nothing_changes(home):
        ran = convcli("--install-completion", "--shell", "fish")
    assert ran.all == (1, "", f"convcli: {place}: exists, but convcli did not write it; {MANUAL_HINT}\n")


@pytest.mark.parametrize("named", [None, "", "relative"])
def test_no_home_is_one_line(convcli: Runner, monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.delenv("HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("HOME", named)
    ran = convcli("--install-completion", "--shell", "bash")
    assert ran.all == (1, "", f"convcli: HOME: is not the path of a folder to install in; {MANUAL_HINT}\n")


@pytest.mark.parametrize("shell", Shell)
def test_a_home_that_takes_no_files_is_one_line(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: Shell
) -> None:
    (tmp_path / "file").touch()
    for home in ("/proc", str(tmp_path / "file")):
        monkeypatch.setenv("HOME", home)
        ran = convcli("--install-completion", "--shell", shell)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"convcli: {home}/.")
        assert ran.err.endswith(f"; {MANUAL_HINT}\n")
        assert ran.err.count("\n") == 1


@pytest.mark.parametrize("shell", Shell)
def test_showing_prints_the_script(convcli: Runner, shell: Shell) -> None:
    assert convcli("--show-completion", "--shell", shell).all == (0, completion_script(shell), "")


def test_an_unknown_shell_is_not_installed_for(convcli: Runner) -> None:
    ran = convcli("--install-completion", "--shell", "tcsh")
    assert ran.all == (2, "", "convcli: --shell 'tcsh': unknown value; choose from bash, zsh, fish\n")
    ran = convcli("--shell", "bash")
    assert ran.all == (2, "", "convcli: --shell: needs --install-completion or --show-completion\n")


def test_without_processes_the_shell_is_the_one_of_the_account(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # there is no ps
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert convcli("--show-completion").out == completion_script(Shell.FISH)
    monkeypatch.delenv("SHELL")
    missing = "--shell: not detected, because convcli was not started from bash, zsh or fish; name it, as in --shell bash"
    assert convcli("--show-completion").all == (2, "", f"convcli: {missing}\n")


@pytest.mark.usefixtures("program")
@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_the_shell_that_runs_it_is_found() -> None:
    asked = "convcli --show-completion; :"
    ran = subprocess.run(
        ["bash", "-c", asked], capture_output=True, check=True, env=os.environ | {"SHELL": "zsh"}
    )
    assert ran.stdout.decode() == completion_script(Shell.BASH)
