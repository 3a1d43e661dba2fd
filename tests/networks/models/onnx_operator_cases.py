"""Collects ONNX's own test cases of operators, as shapes: python -m tests.networks.models.onnx_operator_cases FILE.

Needs the package onnx, which computes each case's outputs with numpy. Inputs after the first become stored tensors,
so that axes and sizes are known. What is written is read by test_onnx_operators.py without onnx.
"""

import base64
import gzip
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MAX_BYTES = 6000  # of a model


def main(path: str) -> None:
    """Write the cases."""
    onnx: Any = import_module("onnx")
    numpy_helper: Any = import_module("onnx.numpy_helper")
    node: Any = import_module("onnx.backend.test.case.node")
    cases = []
    for case in node.collect_testcases(None):
        if not case.data_sets:
            continue
        inputs, outputs = (
            [numpy_helper.to_array(each) if isinstance(each, onnx.TensorProto) else each for each in part]
            for part in case.data_sets[0]
        )
        if not all(hasattr(each, "shape") for each in (*inputs, *outputs)):
            continue  # sequences, optional values
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        shapes = {
            declared.name: array.shape for declared, array in zip(model.graph.input, inputs, strict=False)
        }
        for declared, array in list(zip(model.graph.input, inputs, strict=False))[1:]:
            model.graph.initializer.append(numpy_helper.from_array(array, declared.name))
        del model.graph.value_info[:]
        content = model.SerializeToString()
        if len(content) <= MAX_BYTES:
            given = dict(list(shapes.items())[:1])
            cases.append(
                [case.name, base64.b64encode(content).decode(), given, [each.shape for each in outputs]]
            )
    text = json.dumps(cases, separators=(",", ":"))
    Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
