"""Foreign formats of networks: dlib, TensorFlow graphs, ONNX; converted weights are kept as safetensors."""
