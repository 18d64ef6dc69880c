"""Files of weights: read without running code from them, named as the reference does, downloaded once."""
