"""What a glance knows of its images, and how one changes.  No HTTP here."""

from __future__ import annotations

import uuid
from typing import Any

from scopeproxy.emulator.answers import Fault
from scopeproxy.emulator.collection import Item, now
from scopeproxy.emulator.imagestore import ImageStore, Stored

READ_ONLY = frozenset(
    {"id", "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size"}
    | {"created_at", "updated_at", "self", "file", "schema"}
)
DEFAULTS: Item = {
    "name": None,
    "disk_format": None,
    "container_format": None,
    "visibility": "shared",
    "size": None,
    "virtual_size": None,
    "status": "queued",
    "checksum": None,
    "protected": False,
    "min_ram": 0,
    "min_disk": 0,
    "os_hidden": False,
    "os_hash_algo": None,
    "os_hash_value": None,
}


class Images:
    """`items`: by id; their data are in the store."""

    def __init__(self, store: ImageStore) -> None:
        self.store = store
        self.items: dict[str, Item] = {}

    def add(self, values: Item, data: bytes | None = None) -> Item:
        """An image without asking anybody: for the seed."""
        stamp = now()
        image = {**DEFAULTS, "id": str(uuid.uuid4()), "owner": None, "tags": [], **values}
        image |= {"created_at": stamp, "updated_at": stamp}
        self.items[image["id"]] = image
        if data is not None:
            self.activate(image, self.store.keep(image["id"], data))
        return image

    def activate(self, image: Item, stored: Stored) -> None:
        """The data are here."""
        image.update(
            status="active",
            size=stored.size,
            checksum=stored.md5,
            os_hash_algo="sha512",
            os_hash_value=stored.sha512,
            stores="fs",
            updated_at=now(),
        )

    def view(self, image: Item) -> Item:
        path = f"/v2/images/{image['id']}"
        return {**image, "self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}

    def delete(self, image: Item) -> None:
        del self.items[image["id"]]
        self.store.delete(image["id"])


def patch(image: Item, operation: str, path: str, value: Any) -> None:
    """One step of a JSON patch."""
    key = path.lstrip("/").replace("~1", "/").replace("~0", "~")
    if key in READ_ONLY:
        raise Fault(403, f"Attribute '{key}' is read-only.")
    if operation != "add" and key not in image:
        raise Fault(409, f"Property {key} does not exist.")
    if operation == "remove":
        image.pop(key)
    else:
        image[key] = value
