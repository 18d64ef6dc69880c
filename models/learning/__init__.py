"""Networks at school: which box answers for which person, and the losses of every head."""
