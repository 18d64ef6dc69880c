"""Runs seen from outside while they go on: figures for Prometheus, a log for machines, a trace for Perfetto."""
