"""YAML as a manifest may use it: JSON's types, one meaning a key, no aliases, and where each value stands.

Only composing is left to PyYAML; values are made here, since its constructors know neither lines nor limits.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from typing_extensions import override
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from footfall_common.manifest.complaints import Path, dotted

MAX_DEPTH = 32
_TAG = "tag:yaml.org,2002:"
_TEXTS = frozenset({f"{_TAG}str", f"{_TAG}timestamp"})
_SCALARS = frozenset({f"{_TAG}null", f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float"})


class Fault(Exception):
    """What cannot be read, at which line; a ManifestInvalid once the file's name is known."""

    def __init__(self, message: str, line: int, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.field = field


class Document(NamedTuple):
    """One YAML document: its value, and the line of each key or item by path; () is where it begins."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of what stands at that path, or of the nearest thing around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def documents(text: str) -> Iterator[Document]:
    """The documents of a stream, empty ones left out. Raises Fault."""
    try:
        loader = _Composer(text)
        while loader.check_node():
            node = loader.get_node()
            if node is not None and node.value != "":
                yield _document(node, loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Fault(f"This is not YAML: {error.problem or error.context}.", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        raise Fault(f"This is not YAML: {error.reason}.", text.count("\n", 0, error.position) + 1) from error


class _Composer(yaml.SafeLoader):
    """Composes nodes, refusing what lets a small file grow large or deep."""

    _depth = 0

    @override
    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise Fault("Aliases (*name) are not read here; write the value out.", line)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Fault(f"Nested more than {MAX_DEPTH} deep.", line)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _document(node: Node, loader: _Composer) -> Document:
    lines: dict[Path, int] = {(): node.start_mark.line + 1}
    return Document(_value(node, (), lines, loader), lines)


def _value(node: Node, path: Path, lines: dict[Path, int], loader: _Composer) -> Any:
    match node:
        case MappingNode(tag="tag:yaml.org,2002:map"):
            return _mapping(node, path, lines, loader)
        case SequenceNode(tag="tag:yaml.org,2002:seq"):
            items = []
            for index, item in enumerate(node.value):
                lines[*path, index] = item.start_mark.line + 1
                items.append(_value(item, (*path, index), lines, loader))
            return items
        case ScalarNode(tag=tag) if tag in _TEXTS:
            return node.value
        case ScalarNode(tag=tag) if tag in _SCALARS:
            return _scalar(node, path, loader)
    raise Fault(f"The tag {node.tag.removeprefix(_TAG)} is not read here.", node.start_mark.line + 1, dotted(path))


def _mapping(node: MappingNode, path: Path, lines: dict[Path, int], loader: _Composer) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or key.tag == f"{_TAG}merge":
            raise Fault("A key must be a plain text.", line, dotted(path))
        inner = (*path, key.value)
        if key.value in values:
            raise Fault(f"{dotted(inner)} stands twice; keep one.", line, dotted(inner))
        lines[inner] = line
        values[key.value] = _value(value, inner, lines, loader)
    return values


def _scalar(node: ScalarNode, path: Path, loader: _Composer) -> Any:
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        raise Fault("This value cannot be read; quote it.", node.start_mark.line + 1, dotted(path)) from error
