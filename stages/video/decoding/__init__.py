"""Demuxing and decoding: streams, seeking, damage, colour, orientation, still images."""
