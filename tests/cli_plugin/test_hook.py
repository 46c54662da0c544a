"""The hook in openstacksdk: configuration files, other hooks, and that nothing is sent when it cannot do its work."""

import json
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from openstack import exceptions
from scopeproxy.osc import hook

CLOUD = """\
clouds:
  paris:
    auth: {{auth_url: "{url}/identity/v3", username: demo, password: secret, project_name: demo,
            user_domain_id: default, project_domain_id: default}}
    {more}
"""

PROGRAM = """\
import openstack
conn = openstack.connect({})
conn.session.get_token()
print([server.name for server in conn.compute.servers()])
"""

OTHER_HOOK = """\
import os
def hook(connection):
    connection.session.additional_headers = {"X-Other": "1"}
    error = os.environ.get("HOOK_FAILS")
    if error:
        raise ValueError(error)
"""


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ("scope: {nova: Paris&Corte, block-storage: Corte}", "{compute: Paris&Corte, block-storage: Corte}"),
        ("scope: 'nova: Paris, glance: Corte'", "{compute: Paris, image: Corte}"),
        ("scope: ['{nova: Paris}', 'glance: Corte']", "{compute: Paris, image: Corte}"),
        ("scope: Corte", "{*: Corte}"),
    ],
)
def test_a_scope_in_clouds_yaml(cloud: Any, openstack: Any, more: str, scope: str) -> None:
    openstack.cloud_file(CLOUD.format(url=cloud.url, more=more))
    run = openstack("--os-cloud", "paris", "token", "issue", "-f", "json")
    assert (run.returncode, run.stderr) == (0, "")
    assert cloud.scopes == {scope}


def test_the_command_line_beats_clouds_yaml_and_can_take_its_scope_away(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any]
) -> None:
    openstack.cloud_file(CLOUD.format(url=cloud.url, more="scope: {nova: Corte}\n    scope_on_partial: keep"))
    token = partial(openstack, "token", "issue", "--os-cloud", "paris")
    side_by_side([partial(token, "--scope", "nova:Paris"), partial(token, "--scope", "{}")])
    sent = {(asked.scope, asked.headers.get("x-scope-options")) for asked in cloud.asked}
    assert sent == {("{compute: Paris}", "on-partial=keep"), (None, None)}


def test_a_mistake_in_clouds_yaml_stops_the_command(cloud: Any, openstack: Any) -> None:
    openstack.cloud_file(CLOUD.format(url=cloud.url, more="scope: {nova: Paris&}"))
    run = openstack("--os-cloud", "paris", "server", "list")
    assert run.returncode == 1
    assert run.stderr.startswith("scope: line 1, column ")
    assert len(run.stderr.splitlines()) == 3
    assert cloud.asked == []


def test_the_clouds_own_hook_is_called_too(cloud: Any, openstack: Any, side_by_side: Callable[..., Any]) -> None:
    (openstack.home / "other.py").write_text(OTHER_HOOK)
    openstack.cloud_file(CLOUD.format(url=cloud.url, more="vendor_hook: 'other:hook'"))
    token = partial(openstack, "token", "issue", "--os-cloud", "paris", "--scope", "nova:Paris")
    good, failing = side_by_side([token, partial(token, HOOK_FAILS="no good")])
    assert (good.returncode, good.stderr) == (0, "")
    assert failing.returncode == 0  # that is how the SDK treats a hook; ours is in force all the same
    assert failing.stderr == "Configured hook other:hook cannot be executed: no good\n"
    assert {(asked.scope, asked.headers["x-other"]) for asked in cloud.asked} == {("{compute: Paris}", "1")}


def test_the_hook_of_a_vendor_profile_is_called_though_clouds_yaml_names_ours(cloud: Any, openstack: Any) -> None:
    (openstack.home / "other.py").write_text(OTHER_HOOK)
    (openstack.home / "clouds-public.yaml").write_text("public-clouds: {corse: {vendor_hook: 'other:hook'}}")
    more = "profile: corse\n    vendor_hook: 'scopeproxy.osc.hook:vendor_hook'\n    scope: {nova: Paris}"
    openstack.cloud_file(CLOUD.format(url=cloud.url, more=more))
    assert program(openstack, "cloud='paris'").returncode == 0
    assert {(asked.scope, asked.headers["x-other"]) for asked in cloud.asked} == {("{compute: Paris}", "1")}


def test_a_partial_result_is_told_on_stderr_and_stdout_stays_parseable(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any]
) -> None:
    cloud.headers["/compute"] = cloud.headers["/image"] = {
        "X-Scope-Partial": "Corte",
        "X-Scope-Sites": "Paris=200, Corte=unreached",
    }
    listing = partial(openstack, "server", "list", "--scope", "nova:Paris+Corte", "-f", "json")
    shell = partial(openstack, "--scope", "nova:Paris+Corte", stdin="image list\nimage list\nquit\n")
    told, quiet, twice = side_by_side([listing, partial(listing, "-q"), shell])
    warning = "scope: the result is partial: nothing came from Corte (unreached)"
    assert (told.returncode, told.stderr.splitlines()) == (0, [warning])
    assert json.loads(told.stdout)[0]["Name"] == "vm1"
    assert quiet.returncode == 0
    assert twice.stderr.splitlines() == [warning, warning]


def program(openstack: Any, arguments: str, **environ: str) -> Any:
    return openstack.program(PROGRAM.format(arguments), **environ)


def test_a_program_with_the_sdk(cloud: Any, openstack: Any, side_by_side: Callable[..., Any]) -> None:
    openstack.cloud_file(
        CLOUD.format(url=cloud.url, more='vendor_hook: "scopeproxy.osc.hook:vendor_hook"\n    scope: {nova: Paris}')
    )
    in_code = "cloud='paris', scope={'nova': 'Marseille'}, vendor_hook='scopeproxy.osc.hook:vendor_hook'"
    runs = side_by_side(
        [
            partial(program, openstack, "cloud='paris'"),
            partial(program, openstack, "cloud='paris'", SCOPEPROXY_SCOPE="{nova: Corte}"),
            partial(program, openstack, in_code),
        ]
    )
    assert [run.stdout for run in runs] == ["['vm1']\n"] * 3
    assert cloud.scopes == {"{compute: Paris}", "{compute: Corte}", "{compute: Marseille}"}
    cloud.forget()
    wrong = program(openstack, "cloud='paris'", SCOPEPROXY_SCOPE="{nova: Paris&}")
    assert wrong.returncode == 1
    assert "openstack.exceptions.ConfigException: scope: line 1, column 14" in wrong.stderr
    assert cloud.asked == []


@pytest.mark.parametrize("mistake", [ValueError, TypeError, ImportError, AttributeError, KeyError])
def test_whatever_goes_wrong_becomes_an_exception_that_the_sdk_does_not_swallow(
    monkeypatch: pytest.MonkeyPatch, mistake: type[Exception]
) -> None:
    def fails(connection: Any) -> None:
        raise mistake("so it is")

    monkeypatch.setattr(hook, "_scope_connection", fails)
    with pytest.raises(exceptions.ConfigException, match=r"^scope: not applied, so nothing is sent: .*so it is"):
        hook.vendor_hook(SimpleNamespace())


class Region:
    """A CloudRegion, as far as the hook looks at it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.name, self.region_name = config, "paris", ""
        self._openstack_config = None
        self._cache_auth = True


@pytest.mark.parametrize(("scope", "cached"), [({"nova": "Corte"}, True), ({"keystone": "Corte"}, False)])
def test_a_scope_that_moves_keystone_keeps_its_token_out_of_the_keyring(scope: dict[str, str], cached: bool) -> None:
    session = SimpleNamespace(
        additional_headers={}, auth=None, session=SimpleNamespace(adapters={}, hooks={"response": []})
    )
    session.session.mount = session.session.adapters.__setitem__
    connection = SimpleNamespace(config=Region({"scope": scope}), session=session)
    hook.vendor_hook(connection)
    assert connection.config._cache_auth is cached
    assert "X-Scope" in session.additional_headers
