"""Analysis of photos: the engine contract, the ONNX detector, the kind of room, evaluation."""
