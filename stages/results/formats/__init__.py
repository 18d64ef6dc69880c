"""What others read: one file a format, and the table of all of them (kinds.py)."""
