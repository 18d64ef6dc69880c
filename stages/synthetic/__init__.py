"""The synthetic world as a source of frames with exact labels."""
