"""Losses of training, one subject per file."""
