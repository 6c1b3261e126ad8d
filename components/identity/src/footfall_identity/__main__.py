"""`python -m footfall_identity`: this component alone, on the real adapters."""

import sys

from footfall_common.entry.storing import run
from footfall_identity.app import running
from footfall_identity.settings import IdentitySettings

if __name__ == "__main__":
    sys.exit(run("identity", running, IdentitySettings))
