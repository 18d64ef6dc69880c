"""The body surface: the open body, its 24 charts, geodesic distances, rasterisation, and texture atlases."""
