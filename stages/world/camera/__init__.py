"""How the synthetic world is seen: rendering, light, camera motion, optical flow, motion blur, image corruptions."""
