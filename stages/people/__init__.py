"""People in frames: found, mapped to the surface, told apart over time, and smoothed."""
