"""The identifiers that an event is found by."""

import uuid


def event_uuid(tenant: uuid.UUID, event_id: str) -> uuid.UUID:
    """The event's UUID: the sent id where it is one, else derived from tenant and id, so that a retry meets itself."""
    try:
        return uuid.UUID(event_id)
    except ValueError:
        return uuid.uuid5(tenant, event_id)


def bus_key(tenant: uuid.UUID, visitor: uuid.UUID) -> bytes:
    """Key of a bus record: order is kept per visitor. `visitor` is the event id where there is no visitor."""
    return tenant.bytes + visitor.bytes


def bucket_key(tenant: uuid.UUID, bucket: int) -> bytes:
    """Key of a mark on topic `buckets`: one owner a tenant and bucket."""
    return tenant.bytes + bucket.to_bytes(8, "big", signed=True)


def day_key(tenant: uuid.UUID, day: int) -> bytes:
    """Key of a mark about a whole day: one owner a tenant and day. Longer than a bucket's, so that none is both."""
    return tenant.bytes + b"day" + day.to_bytes(8, "big", signed=True)
