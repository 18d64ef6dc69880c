"""The light network in eight bits."""
