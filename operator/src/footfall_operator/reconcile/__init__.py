"""One pass over one resource: what stands is made what should stand."""
