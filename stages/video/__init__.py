"""Video and image files: the stages decode and encode, and all they know about containers, codecs and formats."""
