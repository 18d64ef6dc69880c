"""The light network at work: from an image to people and their surfaces."""
