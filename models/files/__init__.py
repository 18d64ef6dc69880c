"""Safe reading of files from users (limited in size, without running their code), and atomic writing."""
