"""The body of a lane, the same under both runners."""
