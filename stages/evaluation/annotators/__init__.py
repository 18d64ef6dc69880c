"""Annotators scored: their points against the truth, against each other, and in the annotation studio."""
