"""Bodies in metres from the surfaces of tracked people: pose, shape and place of each person over time."""
