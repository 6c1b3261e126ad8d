"""The receiver's doors."""
