"""Files of animation: a motion of the open body on a skeleton that other programs know, as glTF and BVH."""
