"""Footfall report: Creatio's feed and the native reports."""
