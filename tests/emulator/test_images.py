"""Images without HTTP."""

from __future__ import annotations

import pytest

from scopeproxy.emulator.answers import Fault
from scopeproxy.emulator.images import Images, patch
from scopeproxy.emulator.imagestore import ImageStore


@pytest.fixture
def images(tmp_path):
    return Images(ImageStore(tmp_path))


def test_an_image_is_queued_until_its_data_are_there(images):
    queued, active = images.add({"name": "a"}), images.add({"name": "b"}, b"data")
    assert (queued["status"], queued["size"]) == ("queued", None)
    assert (active["status"], active["size"]) == ("active", 4)
    assert images.view(active)["file"] == f"/v2/images/{active['id']}/file"
    images.delete(active)
    assert list(images.items) == [queued["id"]]
    assert not images.store.path(active["id"]).exists()


def test_patches():
    image = {"name": "old", "status": "active"}
    patch(image, "add", "/a~1b", "c")
    patch(image, "replace", "/name", "new")
    assert image == {"name": "new", "status": "active", "a/b": "c"}
    patch(image, "remove", "/a~1b", None)
    assert "a/b" not in image
    for path, status in (("/status", 403), ("/none", 409)):
        with pytest.raises(Fault) as refused:
            patch(image, "replace", path, "x")
        assert refused.value.status == status
