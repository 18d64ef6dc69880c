"""Observers of a run: metrics for Prometheus, an event log, and a trace for Perfetto."""
