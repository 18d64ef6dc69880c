"""The light DensePose-RCNN: a person detector and a surface network on image crops, small enough for two CPU cores."""

from models.light.inference.light_network import LightNetwork, open_light

__all__ = ["LightNetwork", "open_light"]
