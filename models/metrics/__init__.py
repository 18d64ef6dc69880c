"""What the paper measures, as pure functions on arrays: pointwise, per instance, over time, against people."""
