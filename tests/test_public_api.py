"""The public surface: its names, what they load, and the error tree."""

import pickle
import re
import subprocess
import sys
from doctest import NORMALIZE_WHITESPACE, DocTestParser, DocTestRunner
from importlib import import_module
from importlib.util import find_spec
from inspect import isfunction
from pathlib import Path
from pkgutil import walk_packages
from pydoc import plain, render_doc
from types import ModuleType

import pytest

import convcli
from convcli.compiled.engine import is_compiled
from convcli.errors import suggestion

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "PIL", "typer", "rich", "pydantic", "tifffile", "imagecodecs")
PUBLIC = [
    "ConvcliError",
    "Explained",
    "Figure",
    "FileResult",
    "Filter",
    "FilterError",
    "ImageError",
    "KernelError",
    "LearningError",
    "MatrixError",
    "OutputError",
    "Picture",
    "SizeError",
    "SpecError",
    "UsageError",
    "__version__",
    "apply_filter",
    "conv_backward",
    "conv_forward",
    "convolve",
    "convolve_volume",
    "direction",
    "explain",
    "explain_pool",
    "filter_file",
    "filter_picture",
    "get_filter",
    "kernel",
    "learn",
    "make_examples",
    "nearest_filter",
    "network",
    "output_size",
    "parse_kernel",
    "plan",
    "pool",
    "pool_backward",
    "pool_file",
    "pool_forward",
    "pool_picture",
    "read_image",
    "read_kernel",
    "read_picture",
    "read_weights",
    "render",
    "sheet",
    "show_filter",
    "show_reads",
    "trace",
    "write_image",
    "write_picture",
]
MODULES = [  # tests/compiled has the core
    name
    for _, name, _ in walk_packages(convcli.__path__, "convcli.")
    if not name.endswith(("__main__", "compiled.core"))
]


def printed_by(code: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def heavy_after(code: str) -> list[str]:
    """Return the heavy packages that a fresh interpreter has loaded after some code."""
    return printed_by(f"import sys\n{code}\nprint(*(m for m in {HEAVY} if m in sys.modules))").split()


# Names ----------------------------------------------------------------------------------------------------


def test_the_public_names_are_these() -> None:
    assert convcli.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(convcli, name) is not None
    assert name in dir(convcli)


def test_a_star_import_gives_the_public_names() -> None:
    names = printed_by(
        "from convcli import *\nprint(*sorted(n for n in dir() if n[:2] != '__' or 'version' in n))"
    )
    assert names.split() == sorted(PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'convcli' has no attribute 'convolute'"):
        getattr(convcli, "convolute")  # noqa: B009 -- mypy knows that it is not there


@pytest.mark.parametrize("module", MODULES)
def test_every_name_that_a_module_lists_is_there(module: str) -> None:
    loaded = import_module(module)
    names = getattr(loaded, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(loaded, name)] == []
    assert names or hasattr(loaded, "__path__")


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_a_public_name_is_documented(name: str) -> None:
    assert getattr(convcli, name).__doc__


@pytest.mark.parametrize("name", [name for name in PUBLIC if ">>>" in (getattr(convcli, name).__doc__ or "")])
def test_the_example_of_a_public_name_runs_as_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # some read sample_images
    example = DocTestParser().get_doctest(getattr(convcli, name).__doc__, {}, name, None, None)
    report: list[str] = []
    ran = DocTestRunner(verbose=False, optionflags=NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert ran.failed == 0, "".join(report)


# What is loaded -------------------------------------------------------------------------------------------


def test_importing_convcli_loads_nothing_heavy() -> None:
    assert heavy_after("import convcli") == []


@pytest.mark.parametrize("names", ["convcli.__all__ * 2", "['filter_file', 'convolve'] * 8"])
def test_threads_may_use_public_names_for_the_first_time_together(names: str) -> None:
    code = f"""
import threading, convcli
names, failures = {names}, []
start = threading.Barrier(len(names))
def use(name):
    start.wait()
    try:
        getattr(convcli, name)
    except ImportError as error:
        failures.append(error)
threads = [threading.Thread(target=use, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(threads), failures)
"""
    count = len(convcli.__all__) * 2 if "__all__" in names else 16
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (ran.stdout, ran.stderr) == (f"{count} []\n", "")


def test_sizes_need_nothing_heavy() -> None:
    assert heavy_after("import convcli\nassert convcli.output_size(32, 5) == 28\nconvcli.SizeError") == []


@pytest.mark.parametrize("name", ["convolve", "kernel", "pool", "render"])
def test_an_array_function_loads_at_most_numpy(name: str) -> None:
    assert heavy_after(f"import convcli\nconvcli.{name}") in ([], ["numpy"])


def test_named_filters_need_nothing_heavy() -> None:
    assert heavy_after("import convcli\nassert convcli.get_filter('gaussian:sigma=2').separable") == []


@pytest.mark.parametrize("name", ["read_image", "write_image"])
def test_reading_and_writing_images_loads_at_most_pillow(name: str) -> None:
    assert heavy_after(f"import convcli\nconvcli.{name}") in ([], ["PIL"])


@pytest.mark.parametrize(
    ("picture", "extra"),
    [
        ("sample_images/camera.png", []),
        ("sample_images/rocket.jpg", []),
        ("tests/data/pictures/dem.tif", []),
        ("tests/data/pictures/f64.tif", ["tifffile", "imagecodecs"]),
        ("tests/data/pictures/rgb16.png", [] if is_compiled() else ["imagecodecs"]),
    ],
)
def test_the_extra_is_loaded_only_for_what_pillow_would_cut(picture: str, extra: list[str]) -> None:
    loaded = heavy_after(f"import convcli\nconvcli.read_image({picture!r})")
    is_plain = picture == "sample_images/camera.png" and is_compiled()
    assert loaded == (["numpy"] if is_plain else ["numpy", "PIL", *extra])


# Modules and functions ------------------------------------------------------------------------------------


def test_the_package_is_a_plain_module() -> None:
    assert type(convcli) is ModuleType


@pytest.mark.parametrize("name", PUBLIC)
def test_no_public_name_is_that_of_a_module(name: str) -> None:
    assert find_spec(f"convcli.{name}") is None


@pytest.mark.parametrize(
    "code",
    [
        "import convcli.networks.diagram; found = convcli.networks.diagram",
        "import convcli.networks.diagram as found",
        "from convcli.networks import diagram as found",
        "from convcli import networks; from convcli.networks import diagram as found",
        "import convcli; convcli.network; import convcli.networks.diagram; found = convcli.networks.diagram",
        "import importlib; found = importlib.import_module('convcli.networks.diagram')",
        "from convcli.networks.diagram.page import network_page; import sys; found = sys.modules['convcli.networks.diagram']",
    ],
)
def test_a_module_is_imported_in_every_form(code: str) -> None:
    code = f"{code}\nimport convcli\nprint(found.__name__, type(convcli.network).__name__)"
    assert printed_by(code) == "convcli.networks.diagram function"


@pytest.mark.parametrize("name", [name for name in PUBLIC if isfunction(getattr(convcli, name))])
def test_help_begins_with_a_readable_signature(name: str) -> None:
    shown = plain(render_doc(getattr(convcli, name))).splitlines()[2]
    assert shown.startswith(f"{name}(")
    assert len(shown) < 800
    assert not {"Union", "Optional", "numpy.", "typing.", "_Supports"} & set(re.split(r"\b", shown))


def test_the_signature_of_convolve() -> None:
    shown = plain(render_doc(convcli.convolve)).splitlines()[2]
    assert shown.startswith(
        "convolve(image: 'ArrayLike', kernel: 'ArrayLike', *, stride: 'Pair' = 1, padding: "
    )


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("ConvcliError", {"Exception"}),
        ("UsageError", {"ConvcliError", "ValueError"}),
        ("SizeError", {"UsageError"}),
        ("FilterError", {"UsageError"}),
        ("KernelError", {"UsageError"}),
        ("ImageError", {"ConvcliError", "ValueError"}),
        ("MatrixError", {"ConvcliError", "ValueError"}),
        ("OutputError", {"ConvcliError"}),
    ],
)
def test_the_error_tree_is_as_it_is_drawn(name: str, bases: set[str]) -> None:
    assert {base.__name__ for base in getattr(convcli, name).__bases__} == bases


@pytest.mark.parametrize("name", [name for name in PUBLIC if name.endswith("Error")])
def test_an_error_says_what_and_why_and_survives_pickling(name: str) -> None:
    error = pickle.loads(pickle.dumps(getattr(convcli, name)("stride 0", "must be at least 1")))
    assert type(error).__name__ == name
    assert (error.what, error.why) == ("stride 0", "must be at least 1")
    assert str(error) == "stride 0: must be at least 1"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("edgee", "did you mean edge?"),
        ("ZERO", "did you mean zero?"),
        ("mirror", "choose from zero, edge"),
        ("", "choose from zero, edge"),
    ],
)
def test_a_suggestion_is_the_nearest_choice_or_all_of_them(word: str, text: str) -> None:
    assert suggestion(word, ["zero", "edge"]) == text


def test_a_suggestion_for_a_very_long_word_is_quick() -> None:
    assert suggestion("edge" * 10**6, ["zero", "edge"]) == "choose from zero, edge"
