"""What happened to one input of a batch: notes, failures, skipped and finished results, in order.

No dataclasses: making one takes longer than filtering a small picture.
"""

from collections.abc import Mapping
from typing import NamedTuple

from convcli.errors import ConvcliError, ImageError, OutputError, OutputExists
from convcli.pictures.picture import Picture
from convcli.pipeline.inputs import Source

__all__ = ["NO_MEMORY", "Failure", "Finished", "Note", "Report", "Skipped", "event_of_error"]

NO_MEMORY = "not enough memory to process it"


class Note(NamedTuple):
    """Something that a person should know and that is no failure."""

    text: str


class Failure(NamedTuple):
    """A failure of the output that it names, otherwise of the input; `why` does not repeat that name."""

    error: ConvcliError
    why: str
    output: str | None = None

    @classmethod
    def of(cls, error: ConvcliError, why: str, output: str | None = None) -> "Failure":
        """Return a failure, and forget where its error came from: the frames hold memory, in a cycle."""
        error.__traceback__ = error.__context__ = None
        return cls(error, why, output)


class Skipped(NamedTuple):
    """An output that exists and is kept."""

    output: str


class Finished(NamedTuple):
    """A result.

    Attributes
    ----------
    record : mapping
        Everything known about the result, under the keys of ``--json``.
    matrix : Picture, optional
        The result itself, if it is to be printed and was not written.
    summary : str, optional
        What to say about it instead of its size and values.
    preview : str
        What the observer of the job made of it.
    is_amplified, is_saturation_noted : bool
        See `Result`.
    """

    record: Mapping[str, object]
    matrix: Picture | None = None
    summary: str | None = None
    preview: str = ""
    is_amplified: bool = False
    is_saturation_noted: bool = False


def event_of_error(
    error: ConvcliError | MemoryError, source: Source, *, skip_existing: bool, where: str = ""
) -> Failure | Skipped:
    """Return what is reported of a result that was not written; `where` says where in the input."""
    if isinstance(error, OutputExists) and skip_existing:  # another run has just made it
        return Skipped(error.what)
    if isinstance(error, OutputError):
        return Failure.of(error, error.why, error.what)
    if isinstance(error, ImageError) and error.what == source.display_name:
        return Failure.of(error, f"{where}{error.why}")
    if isinstance(error, ConvcliError):
        return Failure.of(error, f"{where}{error}")
    return Failure.of(ImageError(source.display_name, NO_MEMORY), NO_MEMORY)


class Report(NamedTuple):
    """What happened to one input, in a list that grows; it can be sent from one process to another."""

    source: Source
    events: list[Note | Failure | Skipped | Finished]

    @property
    def skipped(self) -> bool:
        """Whether every output existed, so nothing was written."""
        return bool(self.events) and all(isinstance(event, Skipped) for event in self.events)

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return any(isinstance(event, Failure) for event in self.events)
