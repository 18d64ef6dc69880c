"""From files to frames: containers, damage, colour, rotation, still images."""
