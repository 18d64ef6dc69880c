"""Measures as pure functions on arrays: pointwise, per person, over time, and between annotators."""
