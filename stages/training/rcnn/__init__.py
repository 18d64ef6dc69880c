"""The training of the published network, and its scores."""
