"""Models in ONNX files: protobuf's wire format, the graph, and what each operator does to shapes.

The bytes of weights are never read, and files with external weights are never opened.
"""
