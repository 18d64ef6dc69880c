"""Which call is next: the serial runner, and pure functions for the actors."""
