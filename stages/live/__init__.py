"""Live pictures: where they come from, how the newest is kept, where they go, the page that shows them."""
