"""What a process says about itself: log lines for people and machines, metrics for alerts."""

from footfall_common.telemetry.catalogue import METRICS
from footfall_common.telemetry.logs import configure
from footfall_common.telemetry.metrics import Metric, counter, gauge, histogram, metrics_page

__all__ = ["METRICS", "Metric", "configure", "counter", "gauge", "histogram", "metrics_page"]
