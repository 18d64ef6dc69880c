"""What trainings learn from: photos, annotated sets, drawn scenes, and their shards."""
