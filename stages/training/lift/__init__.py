"""The training of the lift, on bodies made anew for every step."""
