"""Weights files: reading without running code from them, the reference's layer names, downloads."""
