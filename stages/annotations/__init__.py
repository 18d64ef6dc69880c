"""Annotated images: COCO and DensePose-COCO files, folders and collections of images."""
