"""The synthetic world: random people before random backgrounds, with the exact surface at every pixel."""
