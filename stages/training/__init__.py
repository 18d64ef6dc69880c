"""What the training stages are made of: pools of real photos and scenes, batches, the fitting loop."""
