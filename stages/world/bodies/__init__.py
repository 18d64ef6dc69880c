"""People of the synthetic world: body shapes, poses, motions."""
