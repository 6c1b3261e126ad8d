"""What identity does: keeps signing keys and clients, and answers OAuth requests."""
