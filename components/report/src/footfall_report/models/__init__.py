"""What report decides, without I/O: requests and answers, the cursor, the merge, days of a zone."""
