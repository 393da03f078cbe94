"""A field network as the graph of another library: ONNX and OpenVINO."""
