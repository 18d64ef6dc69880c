"""What is found in parts of a video, kept in files until its tail takes it up."""
