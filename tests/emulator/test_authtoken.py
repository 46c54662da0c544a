"""Validation by HTTP at keystone, and what is remembered of it."""

from __future__ import annotations

TOKENS = "/v3/auth/tokens"


def validations(site):
    return [c for c in site.recorder.calls(service="keystone", caller="glance") if c.method == "GET"]


async def test_a_validation_is_remembered(alice, site):
    for _ in range(3):
        assert (await alice("GET", "image", "/v2/images"))[0] == 200
    (one,) = validations(site)
    assert (one.path, one.user, one.request_id) == (TOKENS, "glance", None)
    site.forget_tokens()
    await alice("GET", "image", "/v2/images")
    assert len(validations(site)) == 2


async def test_it_is_not_where_remembering_is_switched_off(alice, site, settings):
    settings.token_cache = 0
    for _ in range(3):
        await alice("GET", "image", "/v2/images")
    assert len(validations(site)) == 3


async def test_a_revoked_token_lives_on_in_the_cache_only(alice, site):
    await alice("GET", "image", "/v2/images")
    await alice("DELETE", "identity", TOKENS, X_Subject_Token=alice.token)
    assert (await alice("GET", "image", "/v2/images"))[0] == 200
    site.forget_tokens()
    assert (await alice("GET", "image", "/v2/images"))[0] == 401


async def test_unknown_tokens_are_remembered_too(nobody, site):
    for _ in range(2):
        assert (await nobody("GET", "image", "/v2/images", X_Auth_Token="x"))[0] == 401
    assert len(validations(site)) == 1


async def test_a_service_token_makes_an_expired_one_acceptable(site, settings, log_in):
    nova = await log_in("nova", "service")
    settings.token_lifetime = 0
    late = await log_in()
    settings.token_lifetime = 3600
    assert (await late("GET", "image", "/v2/images"))[0] == 401
    site.forget_tokens()
    assert (await late("GET", "image", "/v2/images", X_Service_Token=nova.token))[0] == 200
    assert validations(site)[-1].target == f"{TOKENS}?allow_expired=1"


async def test_a_bad_service_token_is_401(alice):
    assert (await alice("GET", "image", "/v2/images", X_Service_Token="bad"))[0] == 401


async def test_without_a_keystone_it_is_503(alice, site):
    for how in ("refuse", "500", "garbage"):
        await site.misbehave("keystone", how)
        status, text, _ = await alice("GET", "image", "/v2/images")
        assert status == 503
        assert b"Keystone service is temporarily unavailable" in text
