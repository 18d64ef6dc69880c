"""People of the synthetic world: bodies, poses and what they do."""
