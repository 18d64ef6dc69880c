"""How the synthetic world is seen: drawing, light, lens, exposure, codecs, optical flow."""
