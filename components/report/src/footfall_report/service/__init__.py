"""The two things report answers: the feed and the overview."""
