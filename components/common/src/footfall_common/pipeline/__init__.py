"""What the two ways of the design share: effects of events, and the view of settings."""
