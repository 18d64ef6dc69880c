"""The training of the light network: its batches, losses, averaging and quantisation."""
