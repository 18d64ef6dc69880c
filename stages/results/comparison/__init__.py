"""Two performers side by side: their poses, their differences, and the picture of those."""
