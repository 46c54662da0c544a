"""What every service of a site is given."""

from __future__ import annotations


async def test_auth_url_is_the_front_of_keystone(site):
    assert site.nova.place.auth_url == site.fronts["identity"] == site.backs["identity"]
    assert site.nova.place.settings is site.settings
