"""Where a network's arithmetic runs: PyTorch, OpenVINO, precision, memory."""
