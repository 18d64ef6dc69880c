"""Batches: many inputs over the cores of a machine or a cluster, as units of work."""
