"""Manifest files: what is read, and where a file that cannot be read is at fault."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.manifest import ManifestInvalid, read, read_all
from footfall_common.manifest.yaml import Fault, documents

ROOT = Path(__file__).parents[3]
TENANT = """\
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata:
  name: acme
spec:
  tenantId: acme
  placement: Pooled
"""
OTHERS = """\
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
---
"""


def written(folder: Path, content: str | bytes, name: str = "tenant.yaml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(*paths: Path, max_bytes: int = 100_000) -> ManifestInvalid:
    with pytest.raises(ManifestInvalid) as raised:
        read_all(paths, max_bytes=max_bytes)
    error = raised.value
    assert error.file == paths[-1]
    assert str(error) == f"{error.file}:{error.line}: {error.message}"
    return error


def test_the_example_can_be_read() -> None:
    (tenant,) = read(ROOT / "examples/tenant.yaml")
    assert [site.name for site in tenant.spec.sites] == ["shop", "blog"]


def test_one_file_may_hold_tenants_and_what_has_no_meaning_here(tmp_path: Path) -> None:
    second = TENANT.replace("acme", "other")
    path = written(tmp_path, f"---\n{OTHERS}{TENANT}---\n---\n{second}")
    found = read_all([path])
    assert [tenant.spec.tenant_id for tenant in found.tenants] == ["acme", "other"]
    assert [(one.file, one.line, one.kind) for one in found.skipped] == [(path, 2, "Namespace")]
    assert read(path) == list(found.tenants)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"\xef\xbb\xbf" + TENANT.replace("\n", "\r\n").encode()))


@pytest.mark.parametrize(
    ("content", "line", "field"),
    [
        ("", 1, "kind"),
        ("# nothing\n---\n", 1, "kind"),
        (OTHERS, 1, "kind"),
        ("just text", 1, None),
        ("- a list", 1, None),
        ("a: [1\n", 2, None),
        ("a:\n\t- tab", 2, None),
        (b"a: 1\nb: \xff", 2, None),
        ("a: 1\nb: \x00", 2, None),
        ("%YAML 9.0\n---\na: 1", 1, None),
        ("kind: TrackingTenant\n", 1, "apiVersion"),
        ("apiVersion: 1\n", 1, "apiVersion"),
        (TENANT.replace("kind: TrackingTenant", "kind: TrackingTennant"), 2, "kind"),
        (TENANT.replace("v1alpha1", "v1"), 1, "apiVersion"),
        (TENANT.replace("  name: acme", "  nmae: acme"), 4, "metadata.nmae"),
        (TENANT.replace("  placement: Pooled\n", ""), 5, "spec.placement"),
        (TENANT.replace("placement", "placment"), 7, "spec.placment"),
        (TENANT + "  placement: Pooled\n", 8, "spec.placement"),
        (TENANT + "  sites:\n  - name: a\n  - {name: b}\n  - name: a\n", 11, "spec.sites[2].name"),
        (
            TENANT + "  sites:\n  - domains: []\n    name: a\n    resourceId:\n      - b\n",
            11,
            "spec.sites[0].resourceId",
        ),
        (TENANT + "  sites:\n  -\n    domains: []\n", 10, "spec.sites[0].name"),
        (TENANT + "  limits: {eventsPerSecond: !!binary aGk=}\n", 8, "spec.limits.eventsPerSecond"),
        (TENANT + "  hosts: !!python/object/apply:os.getcwd []\n", 8, "spec.hosts"),
        (TENANT + "  limits: {eventsPerSecond: " + "9" * 5000 + "}\n", 8, "spec.limits.eventsPerSecond"),
        (TENANT + "  ? [a, b]\n  : c\n", 8, "spec"),
        (TENANT + "  <<: {placement: Pooled}\n", 8, "spec"),
        (TENANT.replace("tenantId: acme", "tenantId: 2024-01-01"), 6, "spec.tenantId"),
        (f"{TENANT}---\n{TENANT}", 14, "spec.tenantId"),
    ],
    ids=range(28),
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: str | bytes, line: int, field: str) -> None:
    error = refused(written(tmp_path, content))
    assert (error.line, error.field) == (line, field), error


def test_two_files_may_not_describe_one_tenant_in_two_spellings(tmp_path: Path) -> None:
    guid = "0b6e0000-0000-4000-8000-00000000000a"
    first = written(tmp_path, TENANT.replace("tenantId: acme", f"tenantId: {guid}"), "first.yaml")
    second = written(tmp_path, TENANT.replace("tenantId: acme", f"tenantId: {guid.upper()}"), "second.yaml")
    error = refused(first, second)
    assert (error.line, error.field) == (6, "spec.tenantId")
    assert str(first) in error.message


def test_files_that_are_not_there_or_too_large_say_so(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "absent.yaml").message
    assert "not a regular file" in refused(tmp_path).message
    assert "100 bytes" in refused(written(tmp_path, TENANT), max_bytes=100).message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TENANT + "status:\n  a: &a [x, x]\n  b: [*a, *a]\n", "Aliases"),
        (TENANT + "status: &a\n  b: *a\n", "Aliases"),
        ("[" * 50_000, "Nested"),
        ("{a: " * 20_000, "Nested"),
        ("- " * 40_000, "Nested"),
        ("".join(" " * depth + "a:\n" for depth in range(300)), "Nested"),
        ("!!str " * 10_000, "This is not YAML"),
    ],
    ids=["aliases", "circles", "flow lists", "flow maps", "lists", "maps", "tags"],
)
def test_what_would_grow_large_or_deep_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    assert refused(written(tmp_path, content)).message.startswith(reason)


@given(st.one_of(st.text(), st.text(alphabet="{}[]:,-&*!|>'\"#%@ \n\tab0.~?")))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    lines = range(1, len(text) + 3)
    assert set(lines).issuperset(_lines(text))


def _lines(text: str) -> list[int]:
    """Every line that the reader speaks of, were it in a fault."""
    try:
        return [document.line(("no", "such", "field")) for document in documents(text)]
    except Fault as fault:
        return [fault.line]


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refused(pipe).message == "This is not a regular file; name one that is."
