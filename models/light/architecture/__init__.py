"""The components of the light network, their input, and the files of their weights."""
