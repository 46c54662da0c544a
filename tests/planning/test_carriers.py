"""Request ids and tags: what is made is found again, and what was not made here is refused."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import ConfigurationError, Unauthorized
from scopeproxy.model.identity import Token
from scopeproxy.planning.carriers import (
    MAX_TAG,
    REQUEST_ID_MARK,
    SEPARATOR,
    Tag,
    Tags,
    digest,
    find_body_token,
    is_minted,
    mint,
    replace_body_token,
    strip,
    untag_body,
)

KEY = b"k" * 32
TAGS = Tags(KEY, "Paris")
TOKEN = Token("gAAAAABfernet-token_with-all.its=signs==")
NOW, LATER = 1_000.0, 2_000.0
SCOPE = "{compute: Paris, image: Corte|Marseille}"

tokens = st.from_regex(r"[A-Za-z0-9._=-]{1,250}", fullmatch=True).map(Token)
scopes = st.text(max_size=1500)
names = st.text(min_size=1, max_size=40)
hops = st.integers(0, 8)


# ---- request ids


@given(st.binary(min_size=12, max_size=12))
def test_a_minted_id_is_valid_to_every_service_and_known_as_ours(random):
    minted = mint(lambda size: random[:size])
    assert re.fullmatch(r"req-[a-f0-9]{8}-([a-f0-9]{4}-){3}[a-f0-9]{12}", minted)
    assert minted.startswith(f"req-{REQUEST_ID_MARK}-")
    assert is_minted(minted)


def test_no_two_minted_ids_are_the_same():
    assert len({mint() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"req-{uuid.UUID(int=7)}",
        f"req-{REQUEST_ID_MARK}",
        f"{REQUEST_ID_MARK}-0000-0000-0000-000000000000",
        f"req-{REQUEST_ID_MARK}-0000-0000-0000-000000000000\n",
        f" req-{REQUEST_ID_MARK}-0000-0000-0000-000000000000",
        f"req-{REQUEST_ID_MARK.upper()}-0000-0000-0000-000000000000",
        f"req-{REQUEST_ID_MARK}-000g-0000-0000-000000000000",
        f"req-{REQUEST_ID_MARK}-٠٠٠٠-0000-0000-000000000000",
    ],
)
def test_other_ids_are_not_ours(value):
    assert not is_minted(value)


# ---- tags


@given(tokens, scopes, names, hops, st.integers(1_001, 2**40))
def test_what_was_tagged_is_untagged(token, scope, home, hops, expires):
    tagged = TAGS.tag(token, scope, home, home[::-1], expires, hops)
    untagged = TAGS.untag(tagged.value, NOW)
    assert untagged.token == token
    carried = None if tagged.digest else scope
    assert untagged.tag == Tag(carried, tagged.digest, home, home[::-1], hops, expires)
    assert tagged.digest in (None, digest(scope))


@given(tokens, scopes, names)
def test_a_tag_is_short_printable_and_follows_the_token(token, scope, home):
    value = TAGS.tag(token, scope, home, home, LATER).value
    assert value.startswith(token.value + SEPARATOR)
    assert len(value) - len(token.value) <= MAX_TAG
    assert re.fullmatch(r"[!-~]+", value)
    assert strip(value) == token.value


def test_a_usual_scope_is_carried_and_a_long_one_is_named_by_its_digest():
    assert TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).digest is None
    long = "{compute: " + "&".join(f"Site{n}" for n in range(1000)) + "}"
    assert TAGS.tag(TOKEN, long, "Paris", "Paris", LATER).digest == digest(long)


def test_the_same_arguments_give_the_same_tag_so_that_caches_of_validations_work():
    assert TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER, 1) == TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER, 1)


def test_two_scopes_on_one_token_are_told_apart():
    one, two = (
        TAGS.tag(TOKEN, scope, "Paris", "Paris", LATER).value for scope in ("{image: Corte}", "{image: Marseille}")
    )
    assert one != two
    assert [TAGS.untag(value, NOW).tag.scope for value in (one, two)] == ["{image: Corte}", "{image: Marseille}"]
    (front, _, mac_of_one), (_, payload_of_two, _) = one.rsplit(".", 2), two.rsplit(".", 2)
    with pytest.raises(Unauthorized):
        TAGS.untag(f"{front}.{payload_of_two}.{mac_of_one}", NOW)


@given(tokens)
def test_a_token_without_a_tag_is_itself(token):
    untagged = TAGS.untag(token.value, NOW)
    assert (untagged.token, untagged.tag) == (token, None)
    assert strip(token.value) == token.value


def test_a_tagged_token_is_not_tagged_again():
    tagged = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER)
    with pytest.raises(Unauthorized):
        TAGS.tag(Token(tagged.value), SCOPE, "Paris", "Paris", LATER)


def refused(value, tags=TAGS, now=NOW):
    """Why the value is refused; never in words that hold any part of the secret."""
    with pytest.raises(Unauthorized) as caught:
        tags.untag(value, now)
    secrets = [part for part in re.split(r"[~.]", value) if len(part) > 8]
    assert not any(secret in str(caught.value) for secret in secrets)
    return str(caught.value)


def test_a_tag_of_another_token_site_or_key_is_refused():
    value = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).value
    assert "not made for this token at this site" in refused("another" + value)
    assert "not made for this token at this site" in refused(value, Tags(KEY, "Corte"))
    assert "not made for this token at this site" in refused(value, Tags(b"other", "Paris"))


def test_an_expired_tag_is_refused_from_its_very_second_on():
    value = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).value
    assert TAGS.untag(value, LATER - 0.1).tag.expires == LATER
    assert "expired" in refused(value, now=LATER)


def test_a_doubled_tag_is_refused():
    value = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).value
    assert "more than one" in refused(value + value.removeprefix(TOKEN.value))


@given(st.data())
def test_a_truncated_lengthened_or_altered_tag_is_refused(data):
    value = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).value
    at = data.draw(st.integers(len(TOKEN.value) + len(SEPARATOR), len(value) - 1))
    refused(value[:at])
    refused(value[:at] + value[at + 1 :])
    sign = data.draw(st.characters(exclude_characters=value[at]))
    refused(value[:at] + sign + value[at + 1 :])
    refused(value[:at] + sign + value[at:])


@given(st.text(), st.text())
def test_a_tag_made_up_by_a_client_is_refused(token, tag):
    refused(token + SEPARATOR + tag)


@given(st.text())
def test_untagging_refuses_or_gives_the_token_but_never_crashes(value):
    untagged = TAGS.untag(value, NOW) if SEPARATOR not in value else None
    assert untagged is None or untagged.token.value == value


def test_a_huge_tag_is_refused():
    refused(TOKEN.value + SEPARATOR + "A" * 1_000_000 + "." + "A" * 43)


def test_lone_surrogates_from_a_lenient_decoder_are_refused():
    refused(f"\udcff{SEPARATOR}AAAA.{'A' * 43}")


def test_a_tag_that_another_release_of_ours_signed_is_refused():
    suffix = TAGS._suffix(TOKEN, ["fewer", "fields"])
    assert "another release" in refused(TOKEN.value + suffix)


def test_a_site_name_that_leaves_no_room_is_the_operators_mistake():
    with pytest.raises(ConfigurationError, match="too long"):
        TAGS.tag(TOKEN, SCOPE, "é" * 600, "", LATER)


def test_no_repr_shows_the_token():
    tagged = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER)
    assert TOKEN.value not in repr(tagged) + repr(TAGS.untag(tagged.value, NOW)) + repr(TAGS)


# ---- the token in a login's body

VALUE = TAGS.tag(TOKEN, SCOPE, "Paris", "Paris", LATER).value


def login(token):
    return {"auth": {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": {"project": {"id": "é"}}}}


@given(st.sampled_from([None, 2]), st.booleans(), st.sampled_from([(",", ":"), (" , ", " :\t"), (",\r\n", ": ")]))
def test_only_the_token_of_a_body_changes(indent, ascii_only, separators):
    def written(token):
        return json.dumps(login(token), indent=indent, ensure_ascii=ascii_only, separators=separators).encode()

    body = b" \n" + written(VALUE) + b"\n"
    assert find_body_token(body) == VALUE
    assert untag_body(body) == b" \n" + written(TOKEN.value) + b"\n"
    assert replace_body_token(body, "other") == b" \n" + written("other") + b"\n"


def test_a_repeated_name_counts_where_keystone_would_read_it():
    body = b'{"auth": 1, "auth": {"identity": {"token": {"id": "old~scope1.x", "id": "new~scope1.y"}}}}'
    assert find_body_token(body) == "new~scope1.y"
    assert untag_body(body) == b'{"auth": 1, "auth": {"identity": {"token": {"id": "old~scope1.x", "id": "new"}}}}'


def test_an_escaped_tag_is_found_as_well():
    assert untag_body(b'{"auth": {"identity": {"token": {"id": "t\\u007escope1.x.y"}}}}') == (
        b'{"auth": {"identity": {"token": {"id": "t"}}}}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'"auth"',
        b"\xff\xfe{}",
        b'{"auth": []}',
        b'{"auth": {"identity": {"password": {"user": {"name": "a~scope1.b", "password": "p~scope1.q"}}}}}',
        b'{"auth": {"identity": {"token": {"id": 7}}}}',
        b'{"auth": {"identity": {"token": {"id": "t"}}}} trailing',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_without_such_a_token_stays_as_it_is(body):
    assert find_body_token(body) is None
    assert untag_body(body) is body
    assert replace_body_token(body, "other") is body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["auth", "identity", "token", "id", "x"]), inner)
        ),
    )
)
def test_any_json_is_read_as_json_reads_it(value):
    found = value
    for key in ("auth", "identity", "token", "id"):
        found = found.get(key) if isinstance(found, dict) else None
    assert find_body_token(json.dumps(value).encode()) == (found if isinstance(found, str) else None)
