"""Teachers: networks of other projects whose predictions label photos for training."""
