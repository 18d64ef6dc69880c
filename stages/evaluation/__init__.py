"""What `evaluate` is made of: truths of every kind, what a network says to them, and the numbers that follow."""
