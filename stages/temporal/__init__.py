"""What tracking and smoothing are made of: who is who, cuts, optical flow, fusion."""
