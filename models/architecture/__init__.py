"""Networks as torch modules: backbone, proposals, heads, and what they are put together to."""
