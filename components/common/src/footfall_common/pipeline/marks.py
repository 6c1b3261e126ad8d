"""Marks as topic `buckets` carries them."""

import msgspec

from footfall_common.bus import Outgoing
from footfall_common.events.keys import bucket_key
from footfall_common.pipeline.effects import Mark

_encode = msgspec.json.Encoder().encode


def mark_record(topic: str, mark: Mark) -> Outgoing:
    """A mark under its bucket's key, so that all marks of a bucket have one owner and one order."""
    return Outgoing(topic, bucket_key(mark.tenant, mark.bucket), _encode(mark))
