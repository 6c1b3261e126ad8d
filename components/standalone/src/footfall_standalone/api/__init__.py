"""What the standalone process answers itself."""
