"""Live runs: sources, the newest frame, outputs, and the web page that shows the result."""
