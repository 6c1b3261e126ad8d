"""The TrackingTenant manifest: its model, its files, and what of it acts where."""

from footfall_common.manifest.complaints import complaint, dotted
from footfall_common.manifest.effect import registration, without_effect
from footfall_common.manifest.fields import API_VERSION
from footfall_common.manifest.reading import MAX_BYTES, ManifestInvalid, Manifests, Skipped, read, read_all
from footfall_common.manifest.tenant import KIND, Registration, Site, TrackingTenant, resource_of

__all__ = [
    "API_VERSION",
    "KIND",
    "MAX_BYTES",
    "ManifestInvalid",
    "Manifests",
    "Registration",
    "Site",
    "Skipped",
    "TrackingTenant",
    "complaint",
    "dotted",
    "read",
    "read_all",
    "registration",
    "resource_of",
    "without_effect",
]
