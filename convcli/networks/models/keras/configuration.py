"""The configuration of a Keras layer, with checked access to its values."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn, TypeVar

from convcli.errors import SpecError

__all__ = ["Config", "LayerConfig", "as_mapping", "as_number", "found_in", "read_layer", "shown"]

Found = TypeVar("Found")

MAX_NUMBER = 2**62
MAX_NAME = 1000
MAX_SHOWN = 16  # values of a list in a message


class Config:
    """The values of a layer's configuration by name, each checked when it is read.

    Parameters
    ----------
    values : mapping
    where : str
        The layer, for messages.
    """

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self.where = where

    def fail(self, key: str, rule: str) -> NoReturn:
        """Raise a `SpecError` that names the layer, the key and its value."""
        raise SpecError(self.where, f"its {key} is {shown(self._values.get(key))}, but must be {rule}")

    def get(self, key: str, default: object = None) -> object:
        """Return a value as it is; the default also where it is null."""
        value = self._values.get(key)
        return default if value is None else value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool | int):
            self.fail(key, "true or false")
        return bool(value)

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self.get(key, default)
        if not isinstance(value, str):
            self.fail(key, "a text")
        return value

    def number(self, key: str, default: int | None = None, *, minimum: int = 1) -> int:
        """Return a whole number."""
        value = _whole(self.get(key, default))
        if value is None or not minimum <= value < MAX_NUMBER:
            self.fail(key, f"a whole number of at least {minimum}")
        return value

    def numbers(
        self, key: str, count: int, default: int | None = None, *, minimum: int = 1
    ) -> tuple[int, ...]:
        """Return `count` whole numbers; a single one stands for all."""
        value = self.get(key, default)
        values = value if isinstance(value, list) else [value] * count
        whole = [_whole(each) for each in values]
        if len(whole) == 1 and count > 1:
            whole *= count
        if len(whole) != count or not all(
            each is not None and minimum <= each < MAX_NUMBER for each in whole
        ):
            self.fail(key, f"{count} whole numbers of at least {minimum}" if count > 1 else "a whole number")
        return tuple(each for each in whole if each is not None)

    def axes(self, key: str, rank: int, default: int = -1) -> tuple[int, ...]:
        """Return axes of an array, counted from 0."""
        value = self.get(key, default)
        values = [_whole(each) for each in (value if isinstance(value, list) else [value])]
        if not values or not all(each is not None and -rank <= each < rank for each in values):
            self.fail(key, f"an axis of an array with {rank} axes")
        return tuple(each % rank for each in values if each is not None)

    @property
    def channels_first(self) -> bool:
        """Whether the channels are the first axis after the batch."""
        return self.get("data_format") == "channels_first"

    @property
    def dtype(self) -> str:
        """The type of the weights, which are float32 in mixed precision."""
        value = self.get("dtype", "float32")
        if isinstance(value, Mapping):
            config = value.get("config")
            value = config.get("name") if isinstance(config, Mapping) else None
        return value if value in ("float16", "bfloat16", "float64") else "float32"


class LayerConfig(NamedTuple):
    """A layer as a file describes it.

    Attributes
    ----------
    name, class_name : str
    module : str
        The Python module of its class; empty in files of Keras 2.
    registered_name : str
        Of classes that are not Keras's own, where they were registered.
    values : mapping
        Its configuration.
    entry : mapping
        All of its description.
    """

    name: str
    class_name: str
    module: str
    registered_name: str
    values: Mapping[str, object]
    entry: Mapping[str, object]

    @property
    def config(self) -> Config:
        """Its configuration, with checked access."""
        return Config(self.values, self.name)

    @property
    def is_custom(self) -> bool:
        """Whether its class is not one of Keras's own."""
        if self.registered_name not in ("", self.class_name):
            return True
        return self.module.partition(".")[0] not in ("", "keras", "builtins", "tf_keras", "tensorflow")

    @property
    def full_class_name(self) -> str:
        """The name of its class, of a custom one as it was registered."""
        return self.registered_name or self.class_name


def as_mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def read_layer(entry: object, where: str, default_name: str = "") -> LayerConfig:
    """Return the layer that a JSON object describes.

    Raises
    ------
    SpecError
        It has no class name or no name.
    """
    values = as_mapping(entry)
    class_name, config = values.get("class_name"), as_mapping(values.get("config"))
    name = values.get("name") or config.get("name") or default_name
    if not isinstance(class_name, str) or not isinstance(name, str):
        raise SpecError(where, "has a layer without a class_name or a name")
    for text in (name, class_name):
        if not text.isprintable() or not 0 < len(text) <= MAX_NAME:
            raise SpecError(where, f"has a layer with an impossible name: {text[:50]!r}")
    module, registered = values.get("module"), values.get("registered_name")
    return LayerConfig(
        name=name,
        class_name=class_name,
        module=module if isinstance(module, str) else "",
        registered_name=registered if isinstance(registered, str) and registered.isprintable() else "",
        values=config,
        entry=values,
    )


def as_number(value: object, default: float = 1.0) -> float:
    """Return a number of JSON, or the first of a list of them; the default for anything else.

    Examples
    --------
    >>> as_number(2), as_number([[0.5, 3]]), as_number("two"), as_number(10**400)
    (2.0, 0.5, 1.0, 1.0)
    """
    while isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, int | float):
        return default
    try:
        return float(value)
    except OverflowError:
        return default


def shown(value: object) -> str:
    """Return a value of a file for messages: short, and without control characters.

    Examples
    --------
    >>> shown([3, 3]), shown("same"), shown([0] * 1000)
    ('[3, 3]', "'same'", 'a list of 1000')
    """
    if isinstance(value, list | dict) and len(value) > MAX_SHOWN:
        return f"a list of {len(value)}"
    return repr(value)[:50]


def found_in(value: object, kind: type[Found]) -> Iterator[Found]:
    """Yield what is of a type within lists, tuples and mappings, in order.

    Examples
    --------
    >>> list(found_in([1, {"a": ("b", 2)}, [[3]]], int))
    [1, 2, 3]
    """
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from found_in(item, kind)
    elif isinstance(value, dict):
        for item in value.values():
            yield from found_in(item, kind)


def _whole(value: object) -> int | None:
    """Return a whole number; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_NUMBER:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
