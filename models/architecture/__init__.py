"""Networks as torch modules: backbone, proposals, heads, and the networks that are made of them."""
