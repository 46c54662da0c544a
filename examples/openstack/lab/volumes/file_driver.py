"""A backend of cinder's whose volumes are sparse files: it needs neither root nor a program such as qemu-img.

An image's bytes become the first ones of a volume as they are, so that one can see which image it was; formats other
than raw are not looked into.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from cinder.volume import driver, volume_utils
from oslo_config import cfg

GIB = 1 << 30
OPTIONS = [cfg.StrOpt("volumes_folder", help="Holds a file for each volume and snapshot, named like it.")]


class FileDriver(driver.VolumeDriver):
    """What the methods do is told where cinder declares them.  Attaching gives the file's name, and does no more."""

    VERSION = "1"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.configuration.append_config_values(OPTIONS)
        self._folder = Path(self.configuration.volumes_folder)

    def check_for_setup_error(self) -> None:
        if not self._folder.is_dir():
            raise NotADirectoryError(self._folder)

    def _update_volume_stats(self) -> None:
        # Sparse files: what they may grow to does not matter here.
        room = {"total_capacity_gb": "infinite", "free_capacity_gb": "infinite"}
        self._stats = {
            "volume_backend_name": "files",
            "driver_version": self.VERSION,
            "storage_protocol": "file",
            **room,
        }

    def _file(self, thing: Any) -> Path:
        return self._folder / str(thing.name)

    # ---- volumes and snapshots

    def create_volume(self, volume: Any) -> None:
        self.extend_volume(volume, volume.size)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        self._file(volume).touch()
        os.truncate(self._file(volume), new_size * GIB)

    def delete_volume(self, volume: Any) -> None:
        self._file(volume).unlink(missing_ok=True)

    def create_snapshot(self, snapshot: Any) -> None:
        self._copy(snapshot.volume, snapshot)

    def delete_snapshot(self, snapshot: Any) -> None:
        self.delete_volume(snapshot)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        self._copy(snapshot, volume)
        self.extend_volume(volume, volume.size)

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        self.create_volume_from_snapshot(volume, src_vref)

    def _copy(self, source: Any, target: Any) -> None:
        shutil.copyfile(self._file(source), self._file(target))

    # ---- images

    def clone_image(
        self, context: Any, volume: Any, image_location: Any, image_meta: Any, image_service: Any
    ) -> tuple[dict[str, Any], bool]:
        """Here and not in `copy_image_to_volume`, before which cinder asks qemu-img."""
        with self._file(volume).open("wb") as file:
            image_service.download(context, image_meta["id"], file)
        self.extend_volume(volume, volume.size)
        return {}, True

    def copy_volume_to_image(self, context: Any, volume: Any, image_service: Any, image_meta: Any) -> None:
        volume_utils.upload_volume(context, image_service, image_meta, str(self._file(volume)), volume)

    # ---- attaching: nova's fake hypervisor opens nothing

    def initialize_connection(self, volume: Any, connector: Any) -> dict[str, Any]:
        return {"driver_volume_type": "local", "data": {"device_path": str(self._file(volume))}}

    def terminate_connection(self, volume: Any, connector: Any, **more: Any) -> None:
        pass

    def ensure_export(self, context: Any, volume: Any) -> None:
        pass

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        pass

    def remove_export(self, context: Any, volume: Any) -> None:
        pass
