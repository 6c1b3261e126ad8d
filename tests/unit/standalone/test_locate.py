"""Lines of fields that turn out wrong after reading."""

from pathlib import Path

import pytest

from footfall_common.manifest import TrackingTenant, read
from footfall_standalone.locate import line_of, parts

TEXT = """\
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata: {name: one}
spec:
  tenantId: one
  placement: Pooled
---
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata: {name: two}
spec:
  tenantId: two
  placement: Pooled
  sites:
    - name: a
    - name: b
      timeZone: UTC
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def second(file: Path) -> TrackingTenant:
    return read(file)[1]


@pytest.mark.parametrize(
    ("field", "line"),
    [("spec.placement", 13), ("spec.sites[1].timeZone", 17), ("spec.sites[0].resourceId", 15), (None, 8)],
)
def test_the_line_of_the_field_or_of_what_is_around_it(
    file: Path, second: TrackingTenant, field: str | None, line: int
) -> None:
    assert line_of(file, second, field) == line


@pytest.mark.parametrize("text", ["{", "other: file", "[]", "\udcff"])
def test_a_file_that_changed_meanwhile_is_named_at_its_first_line(
    file: Path, second: TrackingTenant, text: str
) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert line_of(file, second, "spec.placement") == 1


def test_a_field_as_a_path() -> None:
    assert parts("spec.sites[12].goals[0].name") == ("spec", "sites", 12, "goals", 0, "name")
