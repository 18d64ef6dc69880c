"""Training of DensePose-RCNN and of fully convolutional networks: label assignment, batches, losses of every head."""
