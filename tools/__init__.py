"""What the product is made with and does not run: see README.md."""
