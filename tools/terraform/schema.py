"""Rebuilds a provider's schema from its prebuilt CDK package on PyPI, which was generated from that schema.

The package contains generated JavaScript, one file for each resource. Each block is a class. Each attribute has a
comment (`// name - computed: .., optional: .., required: ..`) and an accessor that shows its type. The result has the
form of `terraform providers schema -json`.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_RESOURCE_TYPE = re.compile(r'static tfResourceType = "(\w+)"')
_VERSION = re.compile(r"providerVersion: '([0-9.]+)'")
_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+)", re.MULTILINE)
_ATTRIBUTE = re.compile(
    r"^    // (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), required: (?P<required>\w+)\n"
    r"(?P<body>.*?)(?=^    // \w+ - computed:|^    // =====|\Z)",
    re.MULTILINE | re.DOTALL,
)
_HCL_FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_HCL_ATTRIBUTE = re.compile(
    r"(?P<name>\w+): \{\s*value: [^\n]*,\s*isBlock: \w+,\s*"
    r"type: \"(?P<kind>\w+)\",\s*storageClassType: \"(?P<type>\w+)\","
)
_BLOCK = re.compile(r' = new (\w+)\(this, "\w+"(?:, (true|false))?\)')
_GETTER = re.compile(r"get(\w+)Attribute\(")
_MAP_READER = re.compile(r"new cdktn\.(StringMapList|StringMap|BooleanMap|NumberMap)\(")
_ITEM = re.compile(r"return new (\w+)\(")

_TYPES: Mapping[str, Any] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "booleanList": ["list", "bool"],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
    "stringMapList": ["list", ["map", "string"]],
}
_READ_TYPES: Mapping[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "BooleanMap": ["map", "bool"],
    "NumberMap": ["map", "number"],
    "StringMapList": ["list", ["map", "string"]],
}
_ROOTS = {
    "TerraformProvider": "provider",
    "TerraformResource": "resource_schemas",
    "TerraformDataSource": "data_source_schemas",
}


@dataclass(frozen=True)
class _Hint:
    """The HCL writer's data about an attribute: list, set or struct, and its type's name."""

    kind: str
    type: str


class _Source:
    """One generated file: its classes, and the hints of its HCL writers."""

    def __init__(self, text: str) -> None:
        self.hints = {name: _hints(body) for name, body in _HCL_FUNCTION.findall(text)}
        found = list(_CLASS.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        self.bodies = {match[1]: text[match.start() : end] for match, end in zip(found, ends, strict=True)}
        self.bases = {match[1]: match[2] for match in found}
        self.root = next(name for name, base in self.bases.items() if base in _ROOTS)

    def section(self) -> str:
        """The section of the schema: provider, resource_schemas or data_source_schemas."""
        return _ROOTS[self.bases[self.root]]

    def block(self, name: str) -> Json:
        """The schema of a class."""
        body, block = self.bodies[name], Json(attributes={}, block_types={})
        hints = self._hints_of(name)
        for match in _ATTRIBUTE.finditer(body):
            self._add(block, match, hints.get(match["name"], _Hint("", "")))
        return block

    def _hints_of(self, name: str) -> Mapping[str, _Hint]:
        if name == self.root:
            body = self.bodies[name]
            return _hints(body[body.find("synthesizeHclAttributes") :])
        wanted = name.removesuffix("OutputReference").lower()
        return next((hints for writer, hints in self.hints.items() if writer.lower() == wanted), {})

    def _add(self, block: Json, match: re.Match[str], hint: _Hint) -> None:
        flags = {flag: True for flag in ("required", "optional", "computed") if match[flag] == "true"}
        nested = _BLOCK.search(match["body"])
        if nested is None or nested[1] not in self.bodies:
            block["attributes"][match["name"]] = {"type": _attribute_type(match["body"], hint), **flags}
            return
        nesting, item, limits = self._nesting(nested, hint)
        inner = self.block(item)
        if flags == {"computed": True}:
            kind = "set" if nesting == "set" else "list"
            block["attributes"][match["name"]] = {"type": [kind, _object_type(inner)], **flags}
            return
        if "required" in flags and nesting != "single":
            limits["min_items"] = 1
        block["block_types"][match["name"]] = {"nesting_mode": nesting, "block": inner, **limits}

    def _nesting(self, nested: re.Match[str], hint: _Hint) -> tuple[str, str, dict[str, int]]:
        name, is_set = nested[1], nested[2] == "true" or hint.kind == "set"
        if self.bases[name] in {"ComplexList", "ComplexMap"}:
            item = _required(_ITEM.search(self.bodies[name]), f"the items of {name}")
            nesting = "map" if self.bases[name] == "ComplexMap" else "set" if is_set else "list"
            return nesting, item[1], {}
        if hint.kind == "struct":
            return "single", name, {}
        return ("set" if hint.kind == "set" else "list"), name, {"max_items": 1}


def _required(found: Any, what: str) -> Any:
    if found is None:
        raise LookupError(f"the package does not show {what}")
    return found


def _hints(body: str) -> dict[str, _Hint]:
    return {match["name"]: _Hint(match["kind"], match["type"]) for match in _HCL_ATTRIBUTE.finditer(body)}


def _attribute_type(body: str, hint: _Hint) -> Any:
    found = _TYPES.get(hint.type)
    if found is None:
        reader = _MAP_READER.search(body) or _GETTER.search(body)
        found = _READ_TYPES.get(reader[1], "dynamic") if reader else "dynamic"
    is_set = hint.kind == "set" or "Fn.tolist" in body
    return ["set", found[1]] if is_set and found[0] == "list" else found


def _object_type(block: Json) -> Any:
    fields = {name: attribute["type"] for name, attribute in block["attributes"].items()}
    for name, nested in block["block_types"].items():
        inner, nesting = _object_type(nested["block"]), nested["nesting_mode"]
        fields[name] = inner if nesting == "single" else [nesting, inner]
    return ["object", fields]


def _files(package: Path) -> Iterator[tuple[str, str]]:
    """Each generated file by its folder, out of the archive inside an installed package."""
    (archive,) = package.glob("_jsii/*.jsii.tgz")
    with tarfile.open(archive) as files:
        for member in files:
            parts = member.name.split("/")
            if parts[:2] == ["package", "lib"] and parts[3:] == ["index.js"]:
                file = _required(files.extractfile(member), member.name)
                yield parts[2], file.read().decode().split("//# sourceMappingURL", maxsplit=1)[0]


def _type_of(folder: str, provider: str) -> str:
    """`data-google-project` of google is google_project; `data-external` of external is external."""
    name = folder.removeprefix("data-").replace("-", "_")
    prefix = provider.partition("-")[0]
    return name if name == prefix or name.startswith(f"{prefix}_") else f"{prefix}_{name}"


def read_schema(package: Path, provider: str, wanted: set[str]) -> Json:
    """The provider's version, its own schema and those of the wanted resources and data sources, from its package."""
    schema = Json(version="", provider={}, resource_schemas={}, data_source_schemas={})
    for folder, text in _files(package):
        if folder != "provider" and _type_of(folder, provider) not in wanted:
            continue
        source = _Source(text)
        described: Json = {"version": 0, "block": source.block(source.root)}
        if source.section() == "provider":
            described["block"]["attributes"].pop("alias", None)  # Terraform's own
            schema["provider"] = described
            schema["version"] = _required(_VERSION.search(text), "a provider version")[1]
        elif name := _RESOURCE_TYPE.search(text):
            schema[source.section()][name[1]] = described
    return schema
