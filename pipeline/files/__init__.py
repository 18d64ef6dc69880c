"""Files and folders of a run: locks, working folders, folders for the time of a run."""
