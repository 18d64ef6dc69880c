"""Export formats: the table of all kinds (kinds.py), and their writers and readers."""
