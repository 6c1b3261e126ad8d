"""The event: the one envelope that receiver, raw receiver, store and report agree on. Pure, no I/O."""
