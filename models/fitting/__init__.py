"""Fits the open body to the surface, or to the joints, that a network finds in a picture."""
