"""Inputs and outputs: which files, where they are, where results go."""
