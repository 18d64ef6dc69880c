"""Committed parts of a result, and how a stream goes on from them."""
