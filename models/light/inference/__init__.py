"""The light network at inference: from frames to people and their surfaces."""
