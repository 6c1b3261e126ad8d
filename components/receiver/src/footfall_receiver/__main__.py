"""`python -m footfall_receiver`: this component alone, on the real adapters."""

import sys

from footfall_common.entry.plain import run
from footfall_receiver.app import running
from footfall_receiver.settings import ReceiverSettings

if __name__ == "__main__":
    sys.exit(run("receiver", running, ReceiverSettings))
