"""A body from the surface that a network predicts: a small network lifts places in the picture to places in space."""
