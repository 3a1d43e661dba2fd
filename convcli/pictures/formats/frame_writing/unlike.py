"""The error about a frame that cannot be in one file with the first."""

from convcli.errors import OutputError

__all__ = ["unlike_first"]


def unlike_first(name: str, number: int, frame: str, first: str, container: str) -> OutputError:
    """Return the error about a frame that differs from the first.

    Parameters
    ----------
    name : str
        The name of the output.
    number : int
    frame, first : str
        What this frame is, and the first.
    container : str
        What frames cannot differ in, as in ``a webp``.
    """
    why = f"frame {number} is {frame}, but the first is {first}, and all frames of {container} must be alike"
    return OutputError(name, f"{why}; use tiff")
