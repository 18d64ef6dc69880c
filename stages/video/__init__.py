"""Video and images as they really are: everything that decode and encode know about files, apart from being stages."""
