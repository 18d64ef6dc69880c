"""Motions of people, retargeted to the open body, and the poses sampled from them."""
