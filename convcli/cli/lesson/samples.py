"""Where commands of the lesson find the sample images: in the current folder, to which they are copied."""

from collections.abc import Sequence
from pathlib import Path

from convcli.cli.terminal.output import message
from convcli.errors import ImageError
from convcli.files.atomic import write_atomically

__all__ = ["provide_samples"]

FOLDER = "sample_images"
SOURCE_FOLDER = Path(__file__).parents[3] / FOLDER  # if convcli runs from its source


def provide_samples(words: Sequence[str]) -> None:
    """Copy the sample images that a command names to the current folder, unless they are there.

    So the command can be typed again and changed.

    Raises
    ------
    ImageError
        The installation has no such file.
    """
    for word in words:
        name = word.removeprefix("@")
        path = Path(name)
        if path.parts[:1] == (FOLDER,) and not path.exists():
            content = _installed(path).read_bytes()
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, lambda stream, content=content: stream.write(content))  # type: ignore[misc]
            message("note", f"copied {name} here, so that you can change the command and run it again")


def _installed(path: Path) -> Path:
    """Return a sample image of the installation."""
    if (SOURCE_FOLDER / path.name).exists():
        return SOURCE_FOLDER / path.name
    from importlib.metadata import PackageNotFoundError, files  # late: it takes longer than reading the file

    try:
        installed = files("convcli") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        place = Path(str(file.locate()))
        if file.parts[-2:] == path.parts and place.exists():
            return place
    raise ImageError(str(path), "is missing in this installation; run the lesson in the project folder")
