"""What the tenant service decides: pure rules in `goals`, `resources`, `sites`; effects in the other modules."""
