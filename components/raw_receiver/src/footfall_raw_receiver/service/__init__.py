"""What the raw receiver and the bucket worker decide and do."""
