"""Members of groups."""

from __future__ import annotations


async def test_a_member_comes_and_goes(admin, alice, site):
    _, body, _ = await admin("POST", "identity", "/v3/groups", {"group": {"name": "some"}})
    user = site.keystone.directory.named("users", "alice")["id"]
    members = f"/v3/groups/{body['group']['id']}/users"
    assert (await admin("GET", "identity", f"{members}/{user}"))[0] == 404
    assert (await admin("PUT", "identity", f"{members}/{user}"))[0] == 204
    assert (await admin("HEAD", "identity", f"{members}/{user}"))[0] == 204
    _, body, _ = await admin("GET", "identity", members)
    assert [one["name"] for one in body["users"]] == ["alice"]
    assert (await alice("GET", "identity", members))[0] == 403
    assert (await admin("DELETE", "identity", f"{members}/{user}"))[0] == 204
    assert (await admin("DELETE", "identity", f"{members}/{user}"))[0] == 404


async def test_a_group_or_user_that_is_not_there_is_told(admin):
    status, body, _ = await admin("PUT", "identity", "/v3/groups/nothing/users/nobody")
    assert (status, body["error"]["message"]) == (404, "Could not find group: nothing.")
