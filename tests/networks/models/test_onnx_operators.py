"""Operators: shapes are those that ONNX's own test cases compute, costs those of formulas."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from convcli.networks.models.onnx.file import ModelFile
from convcli.networks.models.onnx.loading import OnnxModel
from convcli.networks.models.onnx.wire import WireReader
from convcli.networks.models.operations import OperationKind

CASES = (
    Path(__file__).parents[2] / "data" / "models" / "onnx_operators.json.gz"
)  # made by onnx_operator_cases.py
# Operators of texts, sequences, training, control flow that depends on values, and others that are rare.
UNKNOWN = {
    "BitCast", "CausalConvWithState", "DFT", "If", "ImageDecoder", "LinearAttention", "Loop", "MatMul", "MaxUnpool",
    "NegativeLogLikelihoodLoss", "RegexFullMatch", "STFT", "Scan", "SoftmaxCrossEntropyLoss", "StringConcat",
    "StringNormalizer", "StringSplit", "SwiGLU", "TfIdfVectorizer", "ai.onnx.ml.ArrayFeatureExtractor",
    "ai.onnx.ml.Binarizer", "ai.onnx.ml.LabelEncoder", "ai.onnx.ml.TreeEnsemble", "ai.onnx.preview.FlexAttention",
    "MelWeightMatrix", "OptionalGetElement", "OptionalHasElement",
    "ai.onnx.preview.training.Adagrad", "ai.onnx.preview.training.Adam", "ai.onnx.preview.training.Momentum",
}  # fmt: skip


def test_outputs_have_the_shapes_of_onnx_test_cases() -> None:
    wrong: dict[str, Any] = {}
    unknown: set[str] = set()
    without_shape: set[str] = set()
    for name, content, shapes, expected in json.loads(gzip.decompress(CASES.read_bytes())):
        model = OnnxModel(ModelFile(WireReader(name, base64.b64decode(content))))
        result = model.evaluate({key: tuple(shape) for key, shape in shapes.items()})
        found = [array.shape for _, array in result.outputs]
        sources = {each.source for each in result.operations if each.kind == OperationKind.UNKNOWN}
        unknown |= sources
        if None in found:
            without_shape |= set() if sources else {name}
        elif found != [tuple(shape) for shape in expected]:
            wrong[name] = found, expected
    assert not wrong
    assert unknown <= UNKNOWN
    assert {name.split("_")[1] for name in without_shape} <= {
        "unique",
        "compress",
        "nonmaxsuppression",
        "sequence",
    }
