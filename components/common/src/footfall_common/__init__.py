"""What every Footfall component shares: events, tenancy, ports, and the rims around them."""
