"""Inference engines: PyTorch and OpenVINO, devices, precision, GPU memory."""
