"""People in frames: detection, dense pose, tracking and temporal smoothing."""
