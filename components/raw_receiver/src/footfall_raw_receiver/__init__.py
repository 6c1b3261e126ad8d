"""Footfall raw receiver: consumes raw events: de-duplicates, enriches, stores, and makes segments."""
