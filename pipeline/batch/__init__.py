"""Many files over a cluster: units of work, what is done, and the joining of parts."""
