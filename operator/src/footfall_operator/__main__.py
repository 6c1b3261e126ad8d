"""`python -m footfall_operator`: stands by, leads when it may, and ends when it no longer may."""

import os
import sys

import kopf

from footfall_common.errors import SettingsInvalid
from footfall_common.settings import refuse_unknown
from footfall_common.telemetry import configure
from footfall_operator.settings import OperatorSettings
from footfall_operator.startup import Operator

USAGE = 2


def main() -> int:
    """The exit code: 0 = told to stop, 1 = it could not begin or go on, 2 = wrong settings, 75 = the lease was lost."""
    try:
        settings = OperatorSettings.load(os.environ)
        refuse_unknown(os.environ, [OperatorSettings])
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return USAGE
    configure(sys.stderr, settings.log_level)
    registry = kopf.OperatorRegistry()
    operator = Operator(settings, os.environ, os._exit)
    operator.register(registry)
    try:
        kopf.run(registry=registry, clusterwide=True, standalone=True)
    finally:
        operator.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
