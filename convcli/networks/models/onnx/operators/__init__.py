"""What operators of ONNX do: the shapes of their outputs, their weights and costs, a module a family."""
