"""Encoding and muxing: video encoder, segments, audio, subtitles, metadata, concatenation."""
