"""Footfall receiver: takes events over HTTP and answers once the bus holds them."""
