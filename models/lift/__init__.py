"""The lift: a small network that predicts vertices in space from the image points of a predicted surface."""
