"""What should stand, worked out from the resources alone."""
