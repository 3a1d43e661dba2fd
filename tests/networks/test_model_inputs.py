"""The sizes of the inputs of model files, as files state them and as users type them."""

import pytest

from convcli.errors import SizeError
from convcli.networks.models.input_sizes import fixed_sizes, input_shapes
from convcli.networks.models.operations import ModelInput, Shape

IMAGE = ModelInput("image", ("N", 3, "h", "w"))
NHWC = ModelInput("image", (None, None, None, 3), 3)
FIXED = ModelInput("image", (1, 3, 224, 224))
MASK = ModelInput("mask", (None, 1, None, None))
SOUND = ModelInput("sound", ("N", 1, "samples"))
VIDEO = ModelInput("video", (1, 3, 16, 112, 112))
WORDS = ModelInput("words", ("N", "sequence"), None)
TYPES = ModelInput("types", ("N", "sequence"), None)
ROW = ModelInput("row", ("length",), None)
VECTOR = ModelInput("vector", ("N", 300))
STEP = ModelInput("step", ("N",), None)


@pytest.mark.parametrize(
    ("inputs", "size", "shapes"),
    [
        ([IMAGE], "320", [(1, 3, 320, 320)]),
        ([IMAGE], "320x240", [(1, 3, 320, 240)]),
        ([IMAGE], "320x240x3", [(1, 3, 320, 240)]),
        ([IMAGE], (320, 240), [(1, 3, 320, 240)]),
        ([IMAGE], 320, [(1, 3, 320, 320)]),
        ([NHWC], "320x240", [(1, 320, 240, 3)]),
        ([FIXED], None, [(1, 3, 224, 224)]),
        ([FIXED], "64", [(1, 3, 64, 64)]),
        ([SOUND], "8000", [(1, 1, 8000)]),
        ([SOUND], "8000x1", [(1, 1, 8000)]),
        ([VIDEO], None, [(1, 3, 16, 112, 112)]),
        ([VIDEO], "8x64x96", [(1, 3, 8, 64, 96)]),
        ([VIDEO], "8x64x96x3", [(1, 3, 8, 64, 96)]),
        ([WORDS, TYPES], "128", [(1, 128), (1, 128)]),  # one name, one number
        ([ROW], "128", [(128,)]),
        ([VECTOR], None, [(1, 300)]),
        ([WORDS, IMAGE], "words=7,image=32", [(1, 7), (1, 3, 32, 32)]),
        ([IMAGE, MASK], " mask = 8x9x1 , image=32x32x3", [(1, 3, 32, 32), (1, 1, 8, 9)]),
        ([STEP, FIXED], "32", [(1,), (1, 3, 32, 32)]),  # the image is meant; the batch is 1 everywhere
        ([ModelInput("x", (1, None, None, None))], "8x9x5", [(1, 5, 8, 9)]),
        ([], "32", []),
    ],
)
def test_sizes_are_those_of_the_file_or_those_typed(
    inputs: list[ModelInput], size: str | None, shapes: list[Shape]
) -> None:
    assert list(input_shapes(inputs, size, "m.onnx").values()) == shapes


@pytest.mark.parametrize(
    ("inputs", "size", "message"),
    [
        (
            [IMAGE],
            None,
            "m.onnx, input 'image': has no fixed size: its height (h) and width (w) are dynamic; add --n 224x224x3",
        ),
        ([SOUND], None, "m.onnx, input 'sound': has no fixed size: its length (samples) is dynamic; add --n 8000x1"),
        ([WORDS, TYPES], None, "m.onnx, input 'words': has no fixed size: its length (sequence) is dynamic; add --n 128"),
        (
            [IMAGE, MASK],
            "image=32x32x3",
            "m.onnx, input 'mask': has no fixed size: its height and width are dynamic; "
            'add --n "image=32x32x3,mask=224x224x1"',
        ),
        (
            [ModelInput("x", (1, None, 9, None))],
            None,
            "m.onnx, input 'x': has no fixed size: its width and channels are dynamic; add --n 9x224x3",
        ),
        ([ModelInput("x", (1, None))], None, "m.onnx, input 'x': has no fixed size: its length is dynamic; add --n 128"),
        (
            [IMAGE],
            "3x224x200",
            "input 3x224x200: has 200 channels, but input 'image' of m.onnx has 3; channels come last: give 224x200x3",
        ),
        (
            [FIXED],
            "64x64x1",
            "input 64x64x1: has 1 channel, but input 'image' of m.onnx has 3; channels come last: give 64x64x3",
        ),
        ([FIXED], "1x3x64x64", "input 1x3x64x64: does not fit input 'image' of m.onnx, which is HEIGHTxWIDTHxCHANNELS"),
        ([WORDS], "1x128", "input 1x128: does not fit input 'words' of m.onnx, which is LENGTH"),
        ([IMAGE], "32,32", "input '32,32': must be a size such as 224, 320x240 or 224x224x3; did you mean 32x32?"),
        ([IMAGE], "imagee=32", "input 'imagee': is not one of m.onnx: did you mean image?"),
        ([IMAGE, MASK], "32,mask=8", "input '32,mask=8': must name every input: image=SIZE,mask=SIZE"),
        ([ModelInput("x", (), None)], "3", "input 3: does not fit input 'x' of m.onnx, which is a single number"),
        ([IMAGE], "0", "input '0': must be a whole number, at least 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_to_type(
    inputs: list[ModelInput], size: str | None, message: str
) -> None:
    with pytest.raises(SizeError) as error:
        input_shapes(inputs, size, "m.onnx")
    assert str(error.value) == message


def test_an_error_can_tell_for_which_size_a_file_was_exported() -> None:
    assert fixed_sizes([FIXED], {"image": (1, 3, 64, 64)}) == "224x224x3"
    assert fixed_sizes([FIXED, IMAGE], {"image": (1, 3, 224, 224)}) == ""
