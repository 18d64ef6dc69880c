"""What training minimises, one subject a file."""
