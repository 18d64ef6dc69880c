"""The surface of the body: lookup of chart points, geodesic distances, rasterisation, and texture atlases."""
