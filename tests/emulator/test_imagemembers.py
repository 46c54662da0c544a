"""Sharing an image with a project."""

from __future__ import annotations


async def test_a_member_sees_the_image(admin, alice, site):
    _, image, _ = await admin("POST", "image", "/v2/images", {"name": "shared", "visibility": "shared"})
    members, demo = f"{image['self']}/members", site.project("demo")
    assert (await alice("GET", "image", image["self"]))[0] == 404
    status, body, _ = await admin("POST", "image", members, {"member": demo})
    assert (status, body["status"]) == (200, "pending")
    assert (await admin("POST", "image", members, {"member": demo}))[0] == 409
    assert (await alice("GET", "image", image["self"]))[0] == 200
    assert (await alice("PUT", "image", f"{members}/{demo}", {"status": "accepted"}))[1]["status"] == "accepted"
    assert len((await admin("GET", "image", members))[1]["members"]) == 1
    assert (await admin("DELETE", "image", f"{members}/{demo}"))[0] == 204
    assert (await admin("DELETE", "image", f"{members}/{demo}"))[0] == 404
    assert (await alice("GET", "image", image["self"]))[0] == 404
