"""Files that people give, read with a bound on size and without their code."""
