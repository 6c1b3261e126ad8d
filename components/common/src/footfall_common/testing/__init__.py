"""What tests share: builders, a manual clock, waiting with a deadline. Only tests import it."""

from footfall_common.testing.times import ManualClock, eventually, ids
from footfall_common.testing.tokens import Issuer

__all__ = ["Issuer", "ManualClock", "eventually", "ids"]
