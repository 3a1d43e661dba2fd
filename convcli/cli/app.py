"""The command line as Typer sees it: the root command, which imports a command when it is used."""

import inspect
from collections.abc import Callable
from functools import wraps
from shutil import get_terminal_size
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from convcli.cli.command_line import COMMANDS, load_command
from convcli.cli.completion.completers import enum_values
from convcli.cli.help_formatting import MAX_SUMMARY, PlainTextHelp, write_rows
from convcli.cli.options.parameters import Option, Parameter, declared_parameters
from convcli.cli.terminal.output import write
from convcli.errors import UsageError, suggestion

__all__ = ["root_command"]

MAX_WIDTH, MIN_WIDTH = 100, 30  # columns of a help page


def _context_settings() -> dict[str, object]:
    width = max(min(get_terminal_size().columns, MAX_WIDTH), MIN_WIDTH)
    return {"help_option_names": ["-h", "--help"], "terminal_width": width - 2}


class Command(PlainTextHelp, TyperCommand):
    """A command whose help page is plain text."""


class CommandGroup(PlainTextHelp, TyperGroup):
    """The commands, each in a module of its own name."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the parent's signature
        """Return the names in the order of the help page."""
        return list(COMMANDS)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        summaries = [(name, self.get_command(ctx, name).get_short_help_str(MAX_SUMMARY)) for name in COMMANDS]
        write_rows(formatter, "Commands", summaries)
        super().format_options(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand:  # noqa: ARG002 -- the parent's signature
        """Import a command and build it.

        Raises
        ------
        UsageError
            There is no command of that name.
        """
        if cmd_name not in (*COMMANDS, "help"):
            if "." in cmd_name:
                reader = "params" if cmd_name.endswith(".net") else "apply"
                raise UsageError(
                    cmd_name[:100], f"is not a command; for a file: convcli {reader} {cmd_name[:100]} ..."
                )
            raise UsageError(cmd_name[:100], f"unknown command: {suggestion(cmd_name, (*COMMANDS, 'help'))}")
        function = load_command(cmd_name)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(cmd_name, cls=Command, context_settings=_context_settings())(
            function if cmd_name == "help" else _declared_for_typer(function)
        )
        command = typer.main.get_command(app)
        assert isinstance(command, TyperCommand)
        return command


def _declared_for_typer(command: Callable[..., int]) -> Callable[..., int]:
    """Return a command whose parameters are declared by Typer's classes instead of ours."""

    @wraps(command)
    def run(**values: Any) -> int:
        return command(**values)

    parameters = list(map(_typer_parameter, declared_parameters(command)))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _typer_parameter(parameter: Parameter) -> inspect.Parameter:
    declaration = parameter.declaration
    if isinstance(declaration, Option):
        info = typer.Option(*declaration.names, **declaration.settings)
    else:
        info = typer.Argument(**declaration.settings)
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if parameter.default is ... else parameter.default,
        annotation=Annotated[parameter.type, info],
    )


def root_command() -> TyperGroup:
    """Build the root command."""
    app = typer.Typer(
        cls=CommandGroup, add_completion=False, rich_markup_mode=None, context_settings=_context_settings()
    )
    app.callback(invoke_without_command=True)(convcli)
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def convcli(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and the engine.", hidden=True)
    ] = False,
    manual: Annotated[
        bool, typer.Option("--man", help="Print the manual page, for man -l -.", hidden=True)
    ] = False,
    install: Annotated[
        bool,
        typer.Option("--install-completion", help="Install Tab completion: convcli --install-completion"),
    ] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show-completion", help="Print the script that --install-completion installs.", hidden=True
        ),
    ] = False,
    shell: Annotated[
        str | None,
        typer.Option(
            "--shell",
            help="Shell to complete in: bash, zsh or fish (default: the shell that runs convcli).",
            metavar="SHELL",
            hidden=True,
            autocompletion=enum_values("convcli.cli.completion.shells:Shell"),
        ),
    ] = None,
) -> None:
    """Convolve real pictures and do the arithmetic of convolutional networks.

    \b
    convcli apply photo.png --filter sobel-x    find the edges of a picture
    convcli explain photo.png --filter sobel-x  see how one value is computed
    convcli params resnet18                     a network's parameters and costs

    More: convcli help apply; convcli help layers; convcli --man | man -l -
    """
    if version:
        from convcli.cli.version import version_text  # late, here and below: seldom needed

        write(version_text())
    elif manual:
        from convcli.cli.manual import manual_page

        write(manual_page(root_command()))
    elif install or show:
        from convcli.cli.completion.shells import completion_script, install_completion, running_shell

        chosen_shell = running_shell(shell)
        write(completion_script(chosen_shell)) if show else install_completion(chosen_shell)
    elif shell is not None:
        raise UsageError("--shell", "needs --install-completion or --show-completion")
    elif context.invoked_subcommand is None:
        write(f"{context.get_help()}\n")
        return
    else:
        return
    raise typer.Exit
