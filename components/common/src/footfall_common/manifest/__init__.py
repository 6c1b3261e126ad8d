"""The TrackingTenant manifest: its model, its files, and what of it acts where."""

from footfall_common.manifest.complaints import complaint, dotted
from footfall_common.manifest.effect import registration, without_effect
from footfall_common.manifest.model import API_VERSION, KIND, Registration, Site, TrackingTenant, resource_of
from footfall_common.manifest.reading import MAX_BYTES, ManifestInvalid, Manifests, Skipped, read, read_all

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
