"""`python -m footfall_tenant`: this component alone, on the real adapters."""

import sys

from footfall_common.entry.storing import run
from footfall_tenant.app import running
from footfall_tenant.settings import TenantSettings

if __name__ == "__main__":
    sys.exit(run("tenant", running, TenantSettings, reads_tokens=True))
