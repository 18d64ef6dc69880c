"""The synthetic world as a source of frames with ground truth, and as data sets."""
