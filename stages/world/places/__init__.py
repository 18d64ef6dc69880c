"""Where people of the synthetic world stand: backdrops, solids, weather."""
