"""What ``convcli --version`` prints."""

from convcli import __version__
from convcli.compiled.engine import engine_name

__all__ = ["version_text"]


def version_text() -> str:
    """Return the version and, on a line of its own, the engine.

    Examples
    --------
    >>> version_text().splitlines()[0] == f"convcli {__version__}"
    True
    """
    return f"convcli {__version__}\nengine: {engine_name()}\n"
