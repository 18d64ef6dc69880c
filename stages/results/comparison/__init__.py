"""Comparison of two performers: poses, their differences, and a plot."""
