"""The body surface: the open body, its 24 charts, a z-buffer that shows them, and atlases worn on them."""
