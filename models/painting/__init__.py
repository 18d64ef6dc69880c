"""Charts, U and V of a person's pixels through the fitted body: what textures are painted with."""
