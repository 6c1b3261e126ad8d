"""Settings of the tenant service; every bound that Creatio or an operator can meet stands here."""

from typing import ClassVar

from pydantic import Field

from footfall_common.settings import Settings


class TenantSettings(Settings):
    """Environment: `FOOTFALL_TENANT_<FIELD>`."""

    prefix: ClassVar[str] = "TENANT"

    max_body_bytes: int = Field(
        64 * 1024, ge=1024, le=1 << 20, description="Bytes a body of Creatio's may hold; more is 413."
    )
    max_registration_bytes: int = Field(
        1 << 20, ge=64 * 1024, le=16 << 20, description="Bytes a body of the admin API may hold; more is 413."
    )
    max_projects: int = Field(1000, ge=1, le=2000, description="Projects a tenant may have; more is 413.")
    max_resources: int = Field(
        1000,
        ge=100,
        le=100_000,
        description="Resources a tenant may have, deleted ones too: they are kept, so that every reader learns of it.",
    )
    max_goals: int = Field(
        100, ge=50, le=200, description="Goals a resource may have, deleted ones too while their past is in reports."
    )
    max_revisions: int = Field(
        50, ge=2, le=1000, description="Edits kept a goal within the tenant's retention; more is 413."
    )
    max_document_bytes: int = Field(
        180_000,
        ge=64 * 1024,
        le=180_000,
        description="Bytes a resource may take with its goals' history, deletions apart; a bus record holds 200 KB.",
    )
    write_attempts: int = Field(
        20, ge=2, le=1000, description="Tries to store a change while others store theirs; then 503, to be repeated."
    )
    sweep_seconds: float = Field(
        5.0, gt=0, le=3600, description="Seconds between looks for settings that a crash or outage left unpublished."
    )
