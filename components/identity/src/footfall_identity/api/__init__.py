"""Identity's doors."""
