"""How `open_body.npz` is made: needs the `bake` extra; nothing here runs in the product."""
