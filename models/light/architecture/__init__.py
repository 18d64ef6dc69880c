"""The light network's parts and the file of its weights."""
