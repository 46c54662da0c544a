"""Prints every field of a request for an id, as an installed OpenStack service declares it, one a line:

    compute body server.imageRef

Run by the Python of that installation, with the service's type; tests/planning/id_fields.txt keeps what it printed for
all of them.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from typing import Any

_KEYSTONE = (
    *("application_credential", "assignment", "catalog", "credential", "federation", "identity", "limit", "oauth1"),
    *("policy", "resource", "trust"),
)

# Where the schemas are: one module, or every one of a package.
_SCHEMAS = {
    "compute": ["nova.api.openstack.compute.schemas.*"],
    "block-storage": ["cinder.api.schemas.*"],
    "identity": [f"keystone.{area}.schema" for area in _KEYSTONE],
    "image": ["glance.api.v2.images", "glance.api.v2.image_members", "glance.api.v2.metadef_namespaces"],
    "network": ["neutron_lib.api.definitions.*", "neutron.extensions.*"],
}
_ID = re.compile(r"((\A|[_.])(uuids?|ids?|refs?|tenant|project|volid|cgid|member|owner)|(Id|Ref)s?)\Z")
_VALIDATED = re.compile(r"type:(uuid|subnetpool_id)")

# Of neutron: what its own validators look for inside.
_INSIDE = {
    "type:fixed_ips": ["[].subnet_id"],
    "type:fixed_ips_or_none": ["[].subnet_id"],
    "type:subports": ["[].port_id"],
}


def modules(service: str) -> Iterator[Any]:
    for name in _SCHEMAS[service]:
        package = importlib.import_module(name.removesuffix(".*"))
        if not name.endswith(".*"):
            yield package
            continue
        for one in pkgutil.iter_modules(package.__path__):
            yield importlib.import_module(f"{package.__name__}.{one.name}")


def of_schemas(module: Any) -> Iterator[str]:
    for variable, schema in vars(module).items():
        if isinstance(schema, dict) and not variable.startswith("_") and "response" not in variable:
            kind = "query" if "query" in variable else "body"
            for path in in_schema(schema):
                yield f"{kind} {path.removesuffix('[]') if kind == 'query' else path}"


def of_glance(module: Any) -> Iterator[str]:
    for function in ("_get_base_properties", "get_base_properties"):
        if hasattr(module, function):
            for path in in_schema({"properties": getattr(module, function)()}):
                yield f"body {path}"


def in_schema(schema: Any, path: str = "") -> Iterator[str]:
    """The paths in a JSON schema at which an id may stand."""
    if not isinstance(schema, dict):
        return
    for key in ("oneOf", "anyOf", "allOf"):
        for one in schema.get(key, ()):
            yield from in_schema(one, path)
    for name, one in {**schema.get("properties", {}), **schema.get("patternProperties", {})}.items():
        if not (isinstance(one, dict) and one.get("readOnly")):
            yield from in_schema(one, f"{path}.{name}".lstrip("."))
    items = schema.get("items")
    for one in items if isinstance(items, list) else [items]:
        yield from in_schema(one, f"{path}[]")
    is_text = "string" in schema.get("type", "string") and "properties" not in schema
    if path and is_text and (_ID.search(path.rstrip("[]")) or schema.get("format") == "uuid"):
        yield path


def of_attributes(module: Any) -> Iterator[str]:
    """Neutron's way to declare what a request may hold."""
    for maps in ("RESOURCE_ATTRIBUTE_MAP", "SUB_RESOURCE_ATTRIBUTE_MAP"):
        for attributes in (getattr(module, maps, None) or {}).values():
            for name, spec in attributes.get("parameters", attributes).items():
                if isinstance(spec, dict) and (spec.get("allow_post") or spec.get("allow_put")):
                    for path in in_attribute(name, spec.get("validate", {})):
                        yield f"body *.{path}"


def in_attribute(name: str, validate: dict[str, Any]) -> Iterator[str]:
    if _ID.search(name) or any(_VALIDATED.match(kind) for kind in validate):
        yield f"{name}[]" if any("uuid_list" in kind for kind in validate) else name
    for kind, what in validate.items():
        for inside in _INSIDE.get(kind, ()):
            yield name + inside
        for one in what if isinstance(what, list) else [what]:
            if isinstance(one, dict) and ("dict" in kind or "key_specs" in kind):
                for inner, more in one.items():
                    mark = "[]" if "list" in kind else ""
                    yield from (f"{name}{mark}.{path}" for path in in_attribute(inner, more))


def main(service: str) -> None:
    read = {"network": of_attributes, "image": of_glance}.get(service, of_schemas)
    print("\n".join(sorted({f"{service} {line}" for module in modules(service) for line in read(module)})))


if __name__ == "__main__":
    main(sys.argv[1])
