"""DensePose-COCO's annotations: reading, writing, and annotators that are simulated."""
