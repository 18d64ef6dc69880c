"""Drawing of people into frames (`render`), and textures from frames (`unwrap`)."""
