"""The two doors: Creatio's calls, and the admin API."""
