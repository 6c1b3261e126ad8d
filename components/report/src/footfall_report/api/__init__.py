"""Report's doors: parse, ask the service, render."""
