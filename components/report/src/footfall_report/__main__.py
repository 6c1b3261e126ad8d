"""`python -m footfall_report`: this component alone, on the real adapters."""

import sys

from footfall_common.entry.storing import run
from footfall_report.app import running
from footfall_report.settings import ReportSettings

if __name__ == "__main__":
    sys.exit(run("report", running, ReportSettings, reads_tokens=True))
