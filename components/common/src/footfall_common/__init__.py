"""What every Footfall component shares: events, tenancy, ports, and the rims around them."""

import os

# Arrow's own pool keeps its peak, and Parquet's writer asks for no other: 24 MB of a raw receiver. Arrow reads
# this while it is loaded, so it stands here: whatever of ours loads Arrow has been here before.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
