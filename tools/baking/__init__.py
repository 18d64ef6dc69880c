"""Creation of `open_body.npz`. It needs the `bake` extra and does not run in the program itself."""
