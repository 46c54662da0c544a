"""A driver for nova's option `compute_driver`: nova's own fake one, and disks.

The fake driver asks glance for no data and sends it none.  This one does with images what libvirt's does, by nova's own
client of glance: a server's disk is downloaded when it is spawned, and uploaded for a snapshot.  So nova-compute calls
glance too, for some of it long after the request that caused it was answered.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import nova.conf
from nova.image import glance
from nova.virt import fake

# Seconds for which a hypervisor may be held up.
_PATIENCE = 120


class Driver(fake.FakeDriverWithoutFakeNodes):
    """Servers made of nothing, and their disks: files in `<state_path>/disks/<host>`.

    While there is a file `<state_path>/hold`, no server is spawned: as with a hypervisor that is slow.
    """

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self._glance = glance.API()
        state = Path(nova.conf.CONF.state_path)
        self._hold, self._disks = state / "hold", state / "disks" / nova.conf.CONF.host
        self._disks.mkdir(parents=True, exist_ok=True)

    def spawn(self, context: Any, instance: Any, image_meta: Any, *args: Any, **kwargs: Any) -> None:
        """Also called at the end of a resize, when the disk is there."""
        end = time.monotonic() + _PATIENCE
        while self._hold.exists() and time.monotonic() < end:
            time.sleep(0.05)
        disk = self._disk(instance)
        if not disk.exists() and image_meta is not None and image_meta.obj_attr_is_set("id"):
            self._glance.download(context, image_meta.id, dest_path=str(disk))
        super().spawn(context, instance, image_meta, *args, **kwargs)

    def snapshot(self, context: Any, instance: Any, image_id: str, update_task_state: Any) -> None:
        super().snapshot(context, instance, image_id, update_task_state)
        format_ = {"disk_format": "raw", "container_format": "bare"}
        with self._disk(instance).open("rb") as disk:
            self._glance.update(context, image_id, format_, disk, purge_props=False)

    def migrate_disk_and_power_off(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> str | None:
        """Gives the disk's name for `finish_migration`, at whichever host; None, where there is no disk."""
        super().migrate_disk_and_power_off(context, instance, *args, **kwargs)
        if not self._disk(instance).exists():
            return None
        return str(shutil.copy(self._disk(instance), self._disk(instance, ".before")))

    def finish_migration(self, context: Any, migration: Any, instance: Any, disk: str | None, *args: Any) -> None:
        """libvirt's copies disks between hosts, by ssh; our hosts are of one machine."""
        if disk and not self._disk(instance).exists():
            shutil.copy(disk, self._disk(instance))
        super().finish_migration(context, migration, instance, disk, *args)

    def finish_revert_migration(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        if self._disk(instance, ".before").exists():
            self._disk(instance, ".before").replace(self._disk(instance))
        super().finish_revert_migration(context, instance, *args, **kwargs)

    def confirm_migration(self, context: Any, migration: Any, instance: Any, network_info: Any) -> None:
        self._disk(instance, ".before").unlink(missing_ok=True)
        super().confirm_migration(context, migration, instance, network_info)

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, destroy_secrets)
        if destroy_disks:
            self._disk(instance).unlink(missing_ok=True)

    def _disk(self, instance: Any, more: str = "") -> Path:
        return self._disks / f"{instance.uuid}{more}"
