"""`python -m footfall_raw_receiver`: this component alone, on the real adapters."""

import sys

from footfall_common.entry.storing import run
from footfall_raw_receiver.app import running
from footfall_raw_receiver.settings import RawReceiverSettings

if __name__ == "__main__":
    sys.exit(run("raw_receiver", running, RawReceiverSettings))
