"""The annotation studio: boxes, parts and surface points are marked in a browser and become a DensePose-COCO file."""
