"""The light network: a person detector and a surface network on image crops, small enough for two CPU cores."""
