"""From frames to files: encoders, segments, sound and other companions, joining."""
