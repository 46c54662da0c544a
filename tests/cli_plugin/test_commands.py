"""`openstack scope …` and `openstack site list`, as processes of their own."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

EXPLAIN = "/identity/.well-known/scopeproxy/explain"
SITES = "/identity/.well-known/scopeproxy/sites"
PAGES = {
    EXPLAIN: (
        200,
        {
            "scope": "{compute: Paris&Corte}",
            "plan": "all of\n  Paris\n  Corte",
            "endpoints": ["http://paris/compute", "http://corte/compute"],
            "tokens": {"Corte": "login"},
            "refusal": None,
        },
    ),
    SITES: (
        200,
        {
            "sites": [
                {"name": "Paris", "region": "Paris", "labels": {}, "services": ["compute"], "state": "here"},
                {
                    "name": "Corte",
                    "region": "Corte",
                    "labels": {"country": "France"},
                    "services": ["compute", "image"],
                    "state": "up",
                    "rtt_ms": 15.2,
                },
            ]
        },
    ),
}


def test_the_proxy_is_asked_about_scopes_and_sites(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any]
) -> None:
    cloud.pages.update(PAGES)
    explained, of_request, sites, show = side_by_side(
        [
            partial(openstack, "scope", "explain", "{nova: Paris&Corte}", "-f", "json"),
            partial(openstack, "--scope", "nova:Paris", "scope", "explain", "get", "http://h/x", "-f", "json"),
            partial(openstack, "site", "list", "-f", "json"),
            partial(openstack, "scope", "show", "--scope", "nova: Paris", "--scope-strict", "-f", "json"),
        ]
    )
    assert json.loads(explained.stdout) == PAGES[EXPLAIN][1]
    assert json.loads(sites.stdout)[1] == {
        "Name": "Corte",
        "Region": "Corte",
        "State": "up",
        "RTT (ms)": 15.2,
        "Labels": {"country": "France"},
        "Services": ["compute", "image"],
    }
    assert of_request.returncode == 0
    queries = [asked.query for asked in cloud.asked if asked.path == EXPLAIN]
    assert sorted(queries, key=len) == [
        {"scope": ["{compute: Paris&Corte}"]},
        {"scope": ["{compute: Paris}"], "method": ["GET"], "url": ["http://h/x"]},
    ]
    assert all(asked.headers["x-auth-token"] == "t-paris" for asked in cloud.asked if asked.path in PAGES)
    assert json.loads(show.stdout) == {"scope": "{compute: Paris}", "options": "strict"}


def test_where_no_proxy_answers_one_line_says_so(cloud: Any, openstack: Any, side_by_side: Callable[..., Any]) -> None:
    sites, explained = side_by_side(
        [partial(openstack, "site", "list"), partial(openstack, "scope", "explain", "{nova: Paris&}")]
    )
    message = f"there is no scopeproxy at {cloud.url}/identity: does auth_url name its front?"
    assert (sites.returncode, sites.stderr.splitlines()) == (1, [message])
    assert (explained.returncode, len(explained.stderr.splitlines())) == (1, 3)


def test_the_interactive_shell_changes_its_scope(cloud: Any, openstack: Any) -> None:
    lines = [
        "token issue -f value -c user_id",
        "scope set '{nova: Corte & Paris}' glance:Corte --on-partial keep",
        "scope show -f value",
        "image list -f value -c Name",
        "scope set 'nova: Paris&'",
        "server list -f value -c Name",
        "scope set *:Corte",
        "image list -f value -c Name",
        "scope unset",
        "scope show -f value",
        "image list -f value -c Name",
        "quit",
    ]
    run = openstack("--scope", "nova:Paris", stdin="\n".join(lines))  # it ends with 1, whatever happened
    shown = ["u1", "{compute: Corte&Paris, image: Corte}", "on-partial=keep"]
    for text in (*shown, "Debian", "vm1", "None"):
        assert text in run.stdout
    assert run.stderr.count("a site name is missing after '&'") == 1
    scopes = list(dict.fromkeys(asked.scope for asked in cloud.asked))
    assert scopes == ["{compute: Paris}", "{compute: Corte&Paris, image: Corte}", "{*: Corte}", None]
    logins = [asked.scope for asked in cloud.asked if asked.method == "POST"]
    assert logins == scopes


def test_set_before_the_first_request_of_a_shell(cloud: Any, openstack: Any) -> None:
    run = openstack(stdin="scope set nova:Corte\ntoken issue -f value -c user_id\nquit\n")
    assert "u1" in run.stdout
    assert cloud.scopes == {"{compute: Corte}"}


def test_set_and_unset_alone_tell_that_nothing_follows(openstack: Any, side_by_side: Callable[..., Any]) -> None:
    runs = side_by_side([partial(openstack, "scope", "set", "nova: Paris"), partial(openstack, "scope", "unset")])
    for run in runs:
        assert (run.returncode, len(run.stderr.splitlines())) == (0, 1)
        assert run.stderr.startswith("scope: nothing changes: set and unset are for the commands that follow in the ")
