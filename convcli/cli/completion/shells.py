"""Completion scripts: what each shell loads, and where it is installed."""

import os
import stat
import subprocess
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, assert_never

from convcli.cli.terminal.output import escaped, stdout_is_terminal, write
from convcli.errors import (
    ConvcliError,
    OutputError,
    UsageError,
    alternatives,
    describe_os_error,
    parse_choice,
)
from convcli.files.atomic import write_atomically

__all__ = ["Shell", "completion_script", "install_completion", "running_shell"]

MANUAL_HINT = "use convcli --show-completion to print the script"
MAX_ANCESTORS = 8


class Shell(StrEnum):
    """A shell that convcli can complete in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS = {
    Shell.BASH: r"""
_convcli_complete() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(_CONVCLI_COMPLETE=bash "${1/#\~/$HOME}" "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
    if [[ ${COMPREPLY-} == *[=:/@,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _convcli_complete convcli
""",
    Shell.ZSH: r"""
if (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit
fi
_convcli_complete() {
    local line word
    local -a ended open
    local typed="${(j: :)words[1,CURRENT-1]} $IPREFIX$QIPREFIX$PREFIX"
    for line in "${(@f)$(_CONVCLI_COMPLETE=zsh ${~words[1]} "$typed" 2>/dev/null </dev/null)}"; do
        word=${${line%%$'\t'*}//:/\\:}
        [[ $line == *$'\t'* ]] && line="$word:${line#*$'\t'}" || line=$word
        if [[ $word == *[=:/@,] ]]; then
            open+=("$line")
        elif [[ -n $word ]]; then
            ended+=("$line")
        fi
    done
    if (( ! $#ended && ! $#open )); then
        _files
        return
    fi
    _describe -V convcli ended -- open -S ''
}
compdef _convcli_complete convcli
""",
    Shell.FISH: r"""
function __convcli_complete
    set -l typed (commandline -cp | string collect)
    set -l words (env _CONVCLI_COMPLETE=fish convcli "$typed" 2>/dev/null </dev/null)
    if test (count $words) -gt 0
        printf '%s\n' $words
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command convcli --no-files --keep-order --arguments '(__convcli_complete)'
""",
}


def completion_script(shell: Shell) -> str:
    """Return the script that a shell loads.

    Examples
    --------
    >>> completion_script(Shell.FISH).splitlines()[-1]
    "complete --command convcli --no-files --keep-order --arguments '(__convcli_complete)'"
    """
    return f"# Completion of convcli; made by: convcli --install-completion --shell {shell}{SCRIPTS[shell]}"


def running_shell(name: str | None = None) -> Shell:
    """Return the shell of that name, or by default the shell that started this program.

    Raises
    ------
    UsageError
        The shell is unknown, or none was found.
    """
    if name is not None:
        return parse_choice(name, Shell, "--shell")
    programs = [*_ancestors(), _program_name(os.environ.get("SHELL", ""))]
    name = next((program for program in programs if program in tuple(Shell)), None)
    if name is None:
        raise UsageError(
            "--shell",
            f"not detected, because convcli was not started from {alternatives(Shell)}; "
            "name it, as in --shell bash",
        )
    return Shell(name)


def _program_name(command: str) -> str:
    """Return the name of a program from the name of its process; a log-in shell's begins with a minus."""
    return os.path.basename(command.strip()).removeprefix("-")  # noqa: PTH119 -- a path has no empty name


def _ancestors() -> list[str]:
    """Return the names of the ancestors of this process, the nearest first, as far as ps shows them."""
    names: list[str] = []
    process_id = os.getppid()
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        while process_id > 1 and len(names) < MAX_ANCESTORS:
            fields = subprocess.run(
                ["ps", "-o", "ppid=,comm=", "-p", str(process_id)],
                capture_output=True, text=True, errors="replace", timeout=5, check=True,
            ).stdout.split(None, 1)  # fmt: skip
            names.append(_program_name(fields[1]))
            process_id = int(fields[0])
    return names


class _InstallPaths(NamedTuple):
    """Where a shell's script goes, and the file that loads it; None if the shell finds it by itself."""

    script: Path
    startup_file: Path | None


def _install_paths(shell: Shell) -> _InstallPaths:
    home = Path(os.environ.get("HOME", ""))
    if not home.is_absolute():
        raise ConvcliError("HOME", f"is not the path of a folder to install in; {MANUAL_HINT}")
    match shell:
        case Shell.BASH:
            startup_file = home / ".bashrc"
        case Shell.ZSH:
            startup_file = _folder_from("ZDOTDIR", home) / ".zshrc"
        case Shell.FISH:
            settings = _folder_from("XDG_CONFIG_HOME", home / ".config")
            return _InstallPaths(settings / "fish" / "completions" / "convcli.fish", None)
        case _:
            assert_never(shell)
    data = _folder_from("XDG_DATA_HOME", home / ".local" / "share")
    return _InstallPaths(data / "convcli" / f"completion.{shell}", startup_file)


def _folder_from(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else default


def install_completion(shell: Shell) -> None:
    """Write the script of a shell, make the shell load it, and print the files; keep what is installed.

    Raises
    ------
    ConvcliError
        HOME is not the path of a folder.
    OutputError
        A file cannot be written, or is not convcli's.
    """
    paths = _install_paths(shell)
    try:
        is_new = _write_script(paths.script, completion_script(shell))
        written = [paths.script] if is_new else []
        if paths.startup_file is not None and _add_line(paths.startup_file, _load_command(paths.script)):
            written.append(paths.startup_file)
    except OutputError as error:
        raise OutputError(error.what, f"{error.why}; {MANUAL_HINT}") from None
    if not stdout_is_terminal():
        write("".join(f"{path}\n" for path in written))
    elif written:
        write(f"Completion for {shell} is installed: {', '.join(escaped(path) for path in written)}.\n")
        write("Start a new shell to use it.\n")
    else:
        write(f"Completion for {shell} is already installed: {escaped(paths.script)}.\n")


def _load_command(path: Path) -> str:
    """Return the command that loads a script if it exists, in bash and zsh."""
    from shlex import quote

    return f"[ -r {quote(str(path))} ] && . {quote(str(path))}  # completion of convcli"


def _write_script(path: Path, text: str) -> bool:
    """Write a script and return whether it changed; never overwrite a file that is not convcli's."""
    old = _read_if_exists(path)
    if old == text.encode():
        return False
    if old and b"_CONVCLI_COMPLETE" not in old:
        raise OutputError(str(path), "exists, but convcli did not write it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(str(path.parent), describe_os_error(error)) from None
    write_atomically(path, lambda stream: stream.write(text.encode()), replace=True)
    return True


def _add_line(path: Path, line: str) -> bool:
    """Add a line to a file and return whether it was missing."""
    old = _read_if_exists(path)
    new = os.fsencode(line) + b"\n"
    old_lines = old if not old or old.endswith(b"\n") else old + b"\n"
    if b"\n" + new in b"\n" + old_lines:  # the path of a home may contain newlines
        return False
    write_atomically(path, lambda stream: stream.write(old_lines + new), replace=True)
    return True


def _read_if_exists(path: Path) -> bytes:
    """Return the content of a file, empty if it does not exist; never read a pipe or a device."""
    try:
        if not (stat.S_ISREG(path.stat().st_mode) or path.is_dir()):
            raise OutputError(str(path), "is a pipe or a device, not a file")
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise OutputError(str(path), describe_os_error(error)) from None
