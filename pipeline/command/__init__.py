"""The command line: arguments, progress, report, `doctor`."""
