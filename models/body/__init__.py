"""The open body and its charts, motions of people retargeted to it, and the poses sampled from them."""
