"""Manifest files: one or more YAML documents each, read whole or not at all."""

import difflib
import stat
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from footfall_common.errors import InvalidInput
from footfall_common.manifest import yaml
from footfall_common.manifest.complaints import complaint, dotted
from footfall_common.manifest.fields import API_VERSION
from footfall_common.manifest.tenant import KIND, TrackingTenant

MAX_BYTES = 1 << 20
_GROUP = "footfall.dev/"
_KINDS = (KIND, "TrackingPlatform", "TrackingClaim")


class ManifestInvalid(InvalidInput):
    """A file that cannot be used.

    `file` and `line` (from 1) say where, `field` is a path such as spec.sites[1].name; str() holds place and message.
    """

    code = "manifest_invalid"

    def __init__(self, message: str, *, file: Path, line: int, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.file = file
        self.line = line
        self.args = (f"{file}:{line}: {message}",)


class Skipped(NamedTuple):
    """A document of a kind that has no meaning here."""

    file: Path
    line: int
    kind: str


class Manifests(NamedTuple):
    """What a set of files holds, in their order."""

    tenants: tuple[TrackingTenant, ...]
    skipped: tuple[Skipped, ...]


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> list[TrackingTenant]:
    """The tenants of one file. Raises ManifestInvalid."""
    return list(read_all([path], max_bytes=max_bytes).tenants)


def read_all(paths: Sequence[Path], *, max_bytes: int = MAX_BYTES) -> Manifests:
    """The tenants of all files together; no two of them may be one. Raises ManifestInvalid."""
    places: dict[uuid.UUID, Path] = {}
    tenants: list[TrackingTenant] = []
    skipped: list[Skipped] = []
    for path in paths:
        found, others = _file(path, max_bytes)
        skipped.extend(others)
        for tenant, line in found:
            if tenant.guid in places:
                raise ManifestInvalid(
                    f"spec.tenantId {tenant.spec.tenant_id} is a tenant that {places[tenant.guid]} describes already.",
                    file=path,
                    line=line,
                    field="spec.tenantId",
                )
            places[tenant.guid] = path
            tenants.append(tenant)
    return Manifests(tuple(tenants), tuple(skipped))


def _file(path: Path, max_bytes: int) -> tuple[list[tuple[TrackingTenant, int]], list[Skipped]]:
    """The tenants of one file, at least one, each with the line of its id, and what else the file holds."""
    found: list[tuple[TrackingTenant, int]] = []
    skipped: list[Skipped] = []
    for document in _documents(path, max_bytes):
        tenant = _tenant(document, path)
        if tenant is None:
            skipped.append(Skipped(path, document.line(()), document.value["kind"]))
        else:
            found.append((tenant, document.line(("spec", "tenantId"))))
    if not found:
        holds = ", ".join(one.kind for one in skipped) or "nothing"
        line = skipped[0].line if skipped else 1
        raise ManifestInvalid(f"Here is no {KIND} of {API_VERSION} but {holds}.", file=path, line=line, field="kind")
    return found, skipped


def _documents(path: Path, max_bytes: int) -> list[yaml.Document]:
    try:
        return list(yaml.documents(_text(path, max_bytes)))
    except yaml.Fault as fault:
        raise ManifestInvalid(fault.message, file=path, line=fault.line, field=fault.field) from fault


def _text(path: Path, max_bytes: int) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for whoever writes to it
            raise ManifestInvalid("This is not a regular file; name one that is.", file=path, line=1)
        with path.open("rb") as file:
            body = file.read(max_bytes + 1)
    except OSError as error:
        raise ManifestInvalid(f"This file cannot be read: {error.strerror}.", file=path, line=1) from error
    if len(body) > max_bytes:
        raise ManifestInvalid(f"This file is larger than {max_bytes} bytes; split it.", file=path, line=1)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ManifestInvalid("This file is not UTF-8; save it as UTF-8.", file=path, line=line) from error


def _tenant(document: yaml.Document, path: Path) -> TrackingTenant | None:
    """The tenant, or None where the document is of a kind that has no meaning here."""
    if not isinstance(document.value, dict):
        raise ManifestInvalid(
            f"A manifest is a mapping with apiVersion: {API_VERSION} and kind: {KIND}.",
            file=path,
            line=document.line(()),
        )
    for name in ("apiVersion", "kind"):
        if not isinstance(document.value.get(name), str):
            raise ManifestInvalid(f"{name} is missing or no text.", file=path, line=document.line((name,)), field=name)
    if not _ours(document, path):
        return None
    try:
        return TrackingTenant.model_validate(document.value)
    except ValidationError as error:
        found = complaint(error, TrackingTenant)
        raise ManifestInvalid(
            found.message, file=path, line=document.line(found.path), field=dotted(found.path)
        ) from error


def _ours(document: yaml.Document, path: Path) -> bool:
    version, kind = document.value["apiVersion"], document.value["kind"]
    if kind == KIND and version != API_VERSION:
        raise ManifestInvalid(
            f"apiVersion {version} is not known here; write {API_VERSION}.",
            file=path,
            line=document.line(("apiVersion",)),
            field="apiVersion",
        )
    if version.startswith(_GROUP) and kind not in _KINDS:
        near = difflib.get_close_matches(kind, _KINDS, n=1) or [KIND]
        raise ManifestInvalid(
            f"kind {kind} is not known here; did you mean {near[0]}?",
            file=path,
            line=document.line(("kind",)),
            field="kind",
        )
    return bool(kind == KIND)
