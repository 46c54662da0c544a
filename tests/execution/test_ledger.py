"""The ledger on real SQLite files: what was acknowledged stays, what was revoked is gone, and no token is in the clear.

Two ledgers on one file stand for two workers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeproxy.errors import ConfigurationError, SiteFailure
from scopeproxy.execution import ledger as module
from scopeproxy.execution import ledger_replicas as replicas
from scopeproxy.execution import ledger_rows as rows
from scopeproxy.execution.ledger import Ledger, RequestEntry
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token
from scopeproxy.planning.carriers import mint

KEY = b"the key of Paris, 32 bytes long."
NOW = 1_800_000_000.0
HOUR = 3600.0


class Clock:
    """Time as the test tells it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def url(server, state, tmp_path):
    # Below a folder that is not there yet, where it is a file.
    return f"sqlite:///{tmp_path}/state/paris.db" if server is None else state


@pytest.fixture
def on_disk(server):
    if server is not None:
        pytest.skip("about SQLite's file")


def filled(ledger):
    """The tables in which there is something."""
    return {table: count for table, count in ledger.describe().items() if count}


@asynccontextmanager
async def opened(url, clock=None, key=KEY):
    ledger = Ledger(url, key, clock or Clock())
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
async def ledger(url, clock):
    async with opened(url, clock) as ledger:
        yield ledger


@pytest.fixture
async def other(url, clock, ledger):
    """Another worker on the same file."""
    async with opened(url, clock) as other:
        yield other


def entry(id=None, **changes):
    made = RequestEntry(id or mint(), "{image: Corte|Marseille}", "Paris", 1, "p1", "req-of-the-client", NOW + HOUR)
    return replace(made, **changes)


CLIENT = Token("gAAAAABclient-token")
AT_CORTE = SiteToken("Corte", Token("gAAAAABcorte-token"), Identity("u2", "p2", NOW + HOUR, frozenset({"member"})))
NOT_AT_MARSEILLE = FailedLogin("Marseille", None, "connection refused", NOW)
LOGIN = Login(
    CLIENT.fingerprint,
    "Paris",
    Identity("u1", "p1", NOW + HOUR, frozenset({"member", "reader"})),
    NOW,
    {"Corte": AT_CORTE, "Marseille": NOT_AT_MARSEILLE},
)


# ---- request ids


async def test_a_request_id_is_found_again_by_every_worker(ledger, other):
    known = entry()
    await ledger.remember_request(known)
    assert await ledger.request(known.id) == known
    assert await other.request(known.id) == known
    assert await other.request(mint()) is None


async def test_a_request_id_is_written_once(ledger, other):
    known = entry()
    await ledger.remember_request(known)
    for worker in (ledger, other):
        with pytest.raises(ValueError, match="minted before"):
            await worker.remember_request(replace(known, scope="{image: Elsewhere}"))
        assert await worker.request(known.id) == known


async def test_a_request_id_expires_in_memory_and_on_disk(ledger, other, clock):
    known = entry()
    await ledger.remember_request(known)
    clock.now = known.expires - 1
    assert await ledger.request(known.id) == known
    clock.now = known.expires
    assert await ledger.request(known.id) is None
    assert await other.request(known.id) is None


async def test_memory_is_bounded_and_the_database_stands_behind_it(ledger, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    known = [entry() for _ in range(10)]
    for one in known:
        await ledger.remember_request(one)
    assert len(ledger._requests._entries) == 3
    assert [await ledger.request(one.id) for one in known] == known


# ---- scopes


async def test_a_scope_is_found_by_its_digest(ledger, other):
    await ledger.remember_scope("d1", "{image: Corte}", NOW + HOUR)
    assert [await worker.scope_of("d1") for worker in (ledger, other)] == ["{image: Corte}"] * 2
    assert await other.scope_of("d2") is None


async def test_a_scope_lives_as_long_as_its_latest_tag_whichever_worker_made_it(ledger, other, clock):
    await ledger.remember_scope("d1", "{image: Corte}", NOW + 10)
    await other.remember_scope("d1", "{image: Corte}", NOW + 20)
    await ledger.remember_scope("d1", "{image: Corte}", NOW + 5)
    clock.now = NOW + 15
    assert [await worker.scope_of("d1") for worker in (ledger, other)] == ["{image: Corte}"] * 2
    clock.now = NOW + 20
    assert [await worker.scope_of("d1") for worker in (ledger, other)] == [None, None]


# ---- logins


async def test_a_login_is_whole_for_every_worker(ledger, other):
    await ledger.remember_login(LOGIN)
    for worker in (ledger, other, other):
        assert await worker.login(CLIENT.fingerprint) == LOGIN
    assert await other.login("unknown") is None


async def test_a_later_login_of_the_same_token_takes_the_place_of_the_earlier(ledger, other):
    await ledger.remember_login(LOGIN)
    again = replace(LOGIN, validated=NOW + 5, sites={"Marseille": replace(AT_CORTE, site="Marseille")})
    await other.remember_login(again)
    assert await ledger.login(CLIENT.fingerprint) == again


async def test_a_login_without_other_sites_is_a_login(ledger):
    alone = replace(LOGIN, sites={})
    await ledger.remember_login(alone)
    assert await ledger.login(CLIENT.fingerprint) == alone


async def test_a_site_is_added_in_the_place_of_its_failure(ledger, other):
    await ledger.remember_login(LOGIN)
    token = replace(AT_CORTE, site="Marseille", token=Token("gAAAAABmarseille"))
    assert await other.add_site_token(CLIENT.fingerprint, token)
    assert (await ledger.login(CLIENT.fingerprint)).sites == {"Corte": AT_CORTE, "Marseille": token}
    failure = FailedLogin("Corte", 401, "not allowed", NOW + 1)
    assert await ledger.add_site_token(CLIENT.fingerprint, failure)
    assert (await other.login(CLIENT.fingerprint)).sites == {"Corte": failure, "Marseille": token}


async def test_who_keeps_a_login_for_the_first_time_takes_nothing_from_whoever_was_faster(ledger, other):
    faster = []

    async def looked_up_too_early(key, which):
        faster.append(await other.remember_login(LOGIN))

    ledger._login_where = looked_up_too_early
    alone = replace(LOGIN, sites={})
    assert await ledger.login_or(alone) == alone
    assert await other.login(CLIENT.fingerprint) == LOGIN
    assert await other.login_or(alone) == LOGIN
    assert len(faster) == 1


async def test_a_token_of_an_account_is_told_from_ones_own(ledger, other):
    of_account = replace(AT_CORTE, account=True)
    await ledger.remember_login(replace(LOGIN, sites={"Corte": of_account}))
    assert (await other.login(CLIENT.fingerprint)).sites == {"Corte": of_account}


async def test_a_site_token_that_comes_after_the_revocation_does_not_bring_the_login_back(ledger, other):
    await ledger.remember_login(LOGIN)
    await other.forget_login(CLIENT.fingerprint)
    assert not await ledger.add_site_token(CLIENT.fingerprint, AT_CORTE)
    assert await ledger.login(CLIENT.fingerprint) is None
    assert await ledger.login_by_site_token(AT_CORTE.token.fingerprint) is None


async def test_a_login_is_found_by_a_token_of_one_of_its_sites(ledger, other):
    await ledger.remember_login(LOGIN)
    assert await other.login_by_site_token(AT_CORTE.token.fingerprint) == LOGIN
    assert await other.login_by_site_token(CLIENT.fingerprint) is None


async def test_of_two_logins_with_one_site_token_the_longer_lasting_is_found(ledger):
    shorter = replace(LOGIN, fingerprint="f2", identity=replace(LOGIN.identity, expires=NOW + 1))
    await ledger.remember_login(shorter)
    await ledger.remember_login(LOGIN)
    assert await ledger.login_by_site_token(AT_CORTE.token.fingerprint) == LOGIN


async def test_a_revocation_holds_for_the_other_workers_at_once(ledger, other):
    await ledger.remember_login(LOGIN)
    assert await other.login(CLIENT.fingerprint) == LOGIN
    assert await ledger.forget_login(CLIENT.fingerprint) == LOGIN
    assert await other.login(CLIENT.fingerprint) is None
    assert await other.login_by_site_token(AT_CORTE.token.fingerprint) is None
    assert await other.forget_login(CLIENT.fingerprint) is None


async def test_a_validation_never_goes_back_in_time(ledger, other):
    await ledger.remember_login(LOGIN)
    await ledger.mark_validated(CLIENT.fingerprint, NOW + 9)
    await other.mark_validated(CLIENT.fingerprint, NOW + 3)
    await other.mark_validated("unknown", NOW + 3)
    assert (await other.login(CLIENT.fingerprint)).validated == NOW + 9


async def test_a_login_ends_with_the_clients_token_and_a_site_with_its_own(ledger, clock):
    brief = replace(AT_CORTE, identity=replace(AT_CORTE.identity, expires=NOW + 10))
    await ledger.remember_login(replace(LOGIN, sites={"Corte": brief, "Marseille": NOT_AT_MARSEILLE}))
    clock.now = NOW + 10
    assert (await ledger.login(CLIENT.fingerprint)).sites == {"Marseille": NOT_AT_MARSEILLE}
    assert await ledger.login_by_site_token(brief.token.fingerprint) is None
    clock.now = NOW + HOUR
    assert await ledger.login(CLIENT.fingerprint) is None


async def test_what_outlives_the_clients_token_can_still_be_revoked(ledger, clock):
    lasting = replace(AT_CORTE, identity=replace(AT_CORTE.identity, expires=NOW + 2 * HOUR))
    await ledger.remember_login(replace(LOGIN, sites={"Corte": lasting}))
    clock.now = NOW + HOUR
    assert (await ledger.forget_login(CLIENT.fingerprint)).sites == {"Corte": lasting}


prints = st.sampled_from(["f1", "f2"])
site_names = st.sampled_from(["Corte", "Saint-Étienne", 'New "York"'])
expiries = st.floats(NOW + 1, NOW + HOUR)
identities = st.builds(Identity, st.text(), st.none() | st.text(), expiries, st.frozensets(st.text(), max_size=3))
outcomes = st.builds(SiteToken, site_names, st.builds(Token, st.text()), identities) | st.builds(
    FailedLogin, site_names, st.none() | st.integers(400, 599), st.text(), expiries
)
logins = st.builds(
    lambda fingerprint, issuer, identity, validated, sites: Login(
        fingerprint, issuer, identity, validated, {site.site: site for site in sites}
    ),
    *(prints, site_names, identities, expiries, st.lists(outcomes, max_size=3)),
)
steps = st.one_of(
    st.tuples(st.just("remember"), logins),
    st.tuples(st.just("add"), prints, outcomes),
    st.tuples(st.just("validate"), prints, expiries),
    st.tuples(st.just("forget"), prints),
)


def told(known, step):
    """What a plain dictionary makes of a step."""
    match step:
        case ("remember", login):
            known[login.fingerprint] = login
        case ("add", fingerprint, site) if fingerprint in known:
            sites = {**known[fingerprint].sites, site.site: site}
            known[fingerprint] = replace(known[fingerprint], sites=sites)
        case ("validate", fingerprint, at) if fingerprint in known:
            known[fingerprint] = replace(known[fingerprint], validated=max(at, known[fingerprint].validated))
        case ("forget", fingerprint):
            known.pop(fingerprint, None)


async def write(ledger, step):
    match step:
        case ("remember", login):
            await ledger.remember_login(login)
        case ("add", fingerprint, site):
            await ledger.add_site_token(fingerprint, site)
        case ("validate", fingerprint, at):
            await ledger.mark_validated(fingerprint, at)
        case ("forget", fingerprint):
            await ledger.forget_login(fingerprint)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), steps), max_size=12))
async def test_two_workers_and_a_reopening_agree_with_one_dictionary(story):
    known = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        async with opened(url) as one, opened(url) as two:
            for worker, step in story:
                await write((one, two)[worker], step)
                told(known, step)
                for reader in (one, two):
                    assert [await reader.login(name) for name in ("f1", "f2")] == [known.get("f1"), known.get("f2")]
        async with opened(url) as again:
            assert [await again.login(name) for name in ("f1", "f2")] == [known.get("f1"), known.get("f2")]


# ---- purging


async def test_many_places_in_a_list_are_kept_at_once_by_whichever_worker(ledger, other, clock):
    places = {f"{number:064x}": str(number) for number in range(rows.BATCH + 7)}
    await asyncio.gather(*(one.keep_pages(places, NOW + HOUR) for one in (ledger, other, ledger)))
    assert await other.pages([*places, "0" * 63 + "x"]) == places
    assert await ledger.pages([]) == {}
    clock.now += HOUR
    assert await ledger.pages(places) == {}


async def test_a_purge_drops_what_has_expired_and_nothing_else(ledger, other, clock, monkeypatch):
    monkeypatch.setattr(rows, "BATCH", 2)
    for _ in range(5):
        await ledger.remember_request(entry(expires=NOW + 1))
    lasting = entry()
    await ledger.remember_request(lasting)
    await ledger.remember_scope("d1", "s", NOW + 1)
    await ledger.remember_scope("d2", "s", NOW + HOUR)
    await ledger.remember_login(replace(LOGIN, fingerprint="f2", identity=replace(LOGIN.identity, expires=NOW + 1)))
    await ledger.remember_login(LOGIN)
    assert await ledger.purge() == 0
    assert filled(ledger) == {"requests": 6, "scopes": 2, "logins": 2, "site_logins": 4}

    clock.now = NOW + 1
    assert await other.purge() == 5 + 1 + 1 + 2
    assert filled(other) == {"requests": 1, "scopes": 1, "logins": 1, "site_logins": 2}
    assert await other.request(lasting.id) == lasting
    assert await other.login(CLIENT.fingerprint) == LOGIN
    assert await other.purge() == 0


# ---- the file


async def test_everything_survives_a_restart(url):
    known = entry()
    async with opened(url) as ledger:
        await ledger.remember_request(known)
        await ledger.remember_scope("d1", "{image: Corte}", NOW + HOUR)
        await ledger.remember_login(LOGIN)
    async with opened(url) as ledger:
        assert await ledger.request(known.id) == known
        assert await ledger.scope_of("d1") == "{image: Corte}"
        assert await ledger.login(CLIENT.fingerprint) == LOGIN
        assert filled(ledger) == {
            "requests": 1,
            "scopes": 1,
            "logins": 1,
            "site_logins": 2,
        }


@pytest.mark.usefixtures("on_disk")
async def test_no_token_is_on_disk_in_the_clear(ledger, tmp_path):
    await ledger.remember_login(LOGIN)
    await ledger.add_site_token(CLIENT.fingerprint, replace(AT_CORTE, site="Nice", token=Token("gAAAAABnice-token")))
    written = {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()}
    assert set(written) == {"paris.db", "paris.db-wal", "paris.db-shm"}
    assert CLIENT.fingerprint.encode() in b"".join(written.values())
    for secret in (CLIENT.value, AT_CORTE.token.value, "gAAAAABnice-token", "-token"):
        assert secret.encode() not in b"".join(written.values())


@pytest.mark.usefixtures("on_disk")
async def test_the_files_are_the_owners_alone(ledger, tmp_path):
    await ledger.remember_request(entry())
    state = tmp_path / "state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    path = tmp_path / "paris.db"
    path.touch()
    path.chmod(0o644)
    async with opened(f"sqlite:///{path}"):
        assert path.stat().st_mode & 0o777 == 0o600


async def test_with_another_key_site_tokens_are_as_good_as_absent(ledger, url, clock):
    await ledger.remember_login(LOGIN)
    async with opened(url, clock, b"another key") as stranger:
        assert (await stranger.login(CLIENT.fingerprint)).sites == {"Marseille": NOT_AT_MARSEILLE}
        assert await stranger.login_by_site_token(AT_CORTE.token.fingerprint) is None


@pytest.mark.usefixtures("on_disk")
async def test_a_sealed_token_moved_to_another_row_does_not_open(ledger, url):
    await ledger.remember_login(LOGIN)
    await ledger.remember_login(replace(LOGIN, fingerprint="f2", sites={"Nice": replace(AT_CORTE, site="Nice")}))
    file = sqlite3.connect(sa.make_url(url).database)
    file.execute(
        "UPDATE site_logins SET sealed = (SELECT sealed FROM site_logins WHERE site = 'Corte') WHERE site = 'Nice'"
    )
    file.commit()
    file.close()
    assert (await ledger.login("f2")).sites == {}
    assert (await ledger.login(CLIENT.fingerprint)).sites["Corte"] == AT_CORTE


async def test_tables_with_a_module_of_their_own_are_read_and_written_by_transactions(ledger, other):
    found = replicas.ReplicaSet("image", "images", {"Paris": "a", "Corte": "b"})
    assert await ledger.write(partial(replicas.learn, found, NOW, replicas.untold))
    assert await other.read(partial(replicas.of, "image", None, ["b"])) == {"b": {"Paris": "a", "Corte": "b"}}


# ---- several processes

WRITER = """
import asyncio, sys
from scopeproxy.execution.ledger import Ledger, RequestEntry
from scopeproxy.planning.carriers import mint

async def main(url, count):
    ledger = Ledger(url, b"k", lambda: 0.0)
    await ledger.open()
    for _ in range(count):
        entry = RequestEntry(mint(), "{image: Corte}", "Paris", 1, None, None, 9e9)
        await ledger.remember_request(entry)
        print(entry.id, flush=True)
    await ledger.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def writer(url, count):
    command = [sys.executable, "-W", "error", "-c", WRITER, url, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_what_was_acknowledged_before_kill_9_is_there(url):
    process = writer(url, 1_000_000)
    acknowledged = [process.stdout.readline().strip() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged += [line for line in rest.split("\n")[:-1] if line]
    async with opened(url) as ledger:
        assert all([await ledger.request(id) for id in acknowledged])


@pytest.mark.usefixtures("on_disk")
async def test_many_workers_open_a_new_file_and_write_at_once(url):
    processes = [writer(url, 40) for _ in range(6)]
    written = []
    for process in processes:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        written += out.split()
    async with opened(url) as ledger:
        assert len(written) == 240
        assert all([await ledger.request(id) for id in written])


@pytest.mark.usefixtures("on_disk")
async def test_a_writer_waits_for_another_ones_transaction(ledger, url):
    busy = sqlite3.connect(sa.make_url(url).database, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    known = entry()
    waiting = asyncio.ensure_future(ledger.remember_request(known))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    busy.execute("COMMIT")
    busy.close()
    await waiting
    assert await ledger.request(known.id) == known


@pytest.mark.usefixtures("on_disk")
async def test_reading_does_not_wait_for_a_writer(ledger, url):
    await ledger.remember_login(LOGIN)
    busy = sqlite3.connect(sa.make_url(url).database, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    assert await ledger.login(CLIENT.fingerprint) == LOGIN
    busy.execute("ROLLBACK")
    busy.close()


async def test_a_caller_who_leaves_does_not_leave_half_a_write(ledger):
    task = asyncio.ensure_future(ledger.remember_login(LOGIN))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ledger.login(CLIENT.fingerprint) in (None, LOGIN)


# ---- what the operator and the caller are told


async def refused(url):
    with pytest.raises(ConfigurationError, match=r"proxy\.state") as caught:
        async with opened(url):
            pass
    return str(caught.value)


async def test_a_folder_that_cannot_be_made_is_told_before_anything_starts(tmp_path):
    (tmp_path / "file").touch()
    assert "Not a directory" in await refused(f"sqlite:///{tmp_path}/file/state/paris.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_without_permission_is_told(tmp_path):
    tmp_path.chmod(0o500)
    assert "Permission denied" in await refused(f"sqlite:///{tmp_path}/paris.db")


async def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "paris.db").write_text("not a database at all, but long enough to look like one" * 30)
    assert "file is not a database" in await refused(f"sqlite:///{tmp_path}/paris.db")


@pytest.mark.usefixtures("on_disk")
async def test_a_database_of_another_release_is_left_alone(url):
    async with opened(url):
        file = sqlite3.connect(sa.make_url(url).database)
        file.execute("UPDATE alembic_version SET version_num = '0099'")
        file.commit()
        file.close()
    assert "holds revision 0099, which this release does not know" in await refused(url)


@pytest.mark.parametrize("url", ["", "nonsense", "nosuch://host/db", "sqlite+nosuch:///x.db"])
async def test_an_url_that_cannot_be_used_is_told(url):
    await refused(url)


FULL_DISK = """
import asyncio, resource, sys
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.ledger import Ledger

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    asyncio.run(Ledger(sys.argv[1], b"k").open())
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.usefixtures("on_disk")
def test_a_full_disk_is_told_before_anything_starts(url):
    command = [sys.executable, "-W", "error", "-c", FULL_DISK, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "proxy.state" in done.stdout
    assert "disk" in done.stdout


@pytest.mark.usefixtures("on_disk")
async def test_a_database_that_fails_later_is_503_and_shows_no_secret(ledger, url):
    file = sqlite3.connect(sa.make_url(url).database)
    file.executescript("DROP TABLE logins; DROP TABLE requests")
    file.close()
    with pytest.raises(SiteFailure, match="the ledger of this site") as caught:
        await ledger.remember_login(LOGIN)
    assert caught.value.status == 503
    shown = "".join(traceback.format_exception(caught.value))
    assert AT_CORTE.token.value not in shown
    assert CLIENT.fingerprint not in shown
    with pytest.raises(SiteFailure):
        await ledger.request(mint())


async def test_a_signature_is_seen_for_the_first_time_once_by_all_workers(ledger, other, clock):
    assert await ledger.first_time("5c" * 16, NOW + 180)
    assert not await other.first_time("5c" * 16, NOW + 180)
    assert await other.first_time("09" * 16, NOW + 180)
    clock.now = NOW + 181
    await ledger.purge()
    assert await other.first_time("5c" * 16, NOW + 400)


async def test_a_closed_ledger_says_so(url):
    ledger = Ledger(url, KEY)
    await ledger.close()
    with pytest.raises(RuntimeError, match="not open"):
        await ledger.login("f")


async def test_it_works_in_memory_for_a_trial():
    async with opened("sqlite://") as ledger:
        await ledger.remember_login(LOGIN)
        assert await ledger.login(CLIENT.fingerprint) == LOGIN


def test_reprs_show_no_secret():
    assert "client-token" not in repr(Ledger("sqlite://", KEY)) + json.dumps(repr(LOGIN))
