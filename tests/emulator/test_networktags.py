"""Tags of networks and the like."""

from __future__ import annotations

N = "/v2.0/networks"


async def test_tags_are_set_found_by_and_taken_away(alice):
    _, body, _ = await alice("POST", "network", N, {"network": {"name": "mine"}})
    tags = f"{N}/{body['network']['id']}/tags"
    status, body, _ = await alice("PUT", "network", tags, {"tags": ["blue", "green", "blue"]})
    assert (status, body) == (200, {"tags": ["blue", "green"]})
    assert (await alice("PUT", "network", f"{tags}/red"))[0] == 201
    _, body, _ = await alice("GET", "network", f"{N}?tags=blue,red")
    assert [(one["name"], one["tags"]) for one in body["networks"]] == [("mine", ["blue", "green", "red"])]
    _, body, _ = await alice("GET", "network", f"{N}?tags=blue,none")
    assert body["networks"] == []
    assert (await alice("GET", "network", f"{tags}/red"))[0] == 204
    assert (await alice("DELETE", "network", f"{tags}/red"))[0] == 204
    status, body, _ = await alice("DELETE", "network", f"{tags}/red")
    assert (status, body["NeutronError"]["type"]) == (404, "TagNotFound")
    assert (await alice("DELETE", "network", tags))[0] == 204
    assert (await alice("GET", "network", tags))[1] == {"tags": []}


async def test_tags_of_others_are_theirs(alice, site):
    shared = next(iter(site.neutron.items["networks"]))
    assert (await alice("GET", "network", f"{N}/{shared}/tags"))[0] == 200
    assert (await alice("PUT", "network", f"{N}/{shared}/tags", {"tags": ["mine"]}))[0] == 403
    assert (await alice("PUT", "network", f"{N}/nothing/tags", {"tags": []}))[0] == 404
