"""The styles of `render`: how one person is drawn into a frame."""
