"""Footfall standalone: the five components in one process, and the `footfall` command."""
