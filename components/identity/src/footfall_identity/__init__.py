"""Footfall identity: OAuth 2 client credentials, discovery and JWKS."""
