"""Footfall's Kubernetes operator."""
