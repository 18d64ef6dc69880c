"""Inference: from frames to people and their surfaces."""
