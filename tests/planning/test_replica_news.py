"""What is told of replica sets is what is heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import CallerError
from scopeproxy.model.messages import Request
from scopeproxy.planning.replica_news import PEER_REPLICAS, ReplicaSet, told_by, told_gone, told_set

_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
_sets = st.builds(ReplicaSet, _words, _words, st.dictionaries(_words, _words, min_size=2, max_size=4))


def heard(told: str) -> ReplicaSet:
    method, _, target = told.partition(" ")
    return told_by(Request("image", method, target))


@given(_sets)
def test_a_set_that_was_told_is_heard(news: ReplicaSet) -> None:
    assert heard(told_set(news)) == news
    site = next(iter(news.members))
    assert heard(told_gone(site, news)) == ReplicaSet(news.service, news.collection, {site: news.members[site]})


def test_a_site_may_be_named_as_it_likes() -> None:
    news = ReplicaSet("image", "images", {"service": "a", "collection": "b"})
    assert heard(told_set(news)) == news


@pytest.mark.parametrize(
    "query", ["", "?Paris=a&Corte=b", "?collection=images&service=image&Paris=a", "?service=image"]
)
def test_what_makes_no_sense_is_told(query: str) -> None:
    with pytest.raises(CallerError, match="one <site>=<id> for each member"):
        told_by(Request("image", "PUT", PEER_REPLICAS + query))
    twice = f"{PEER_REPLICAS}?service=image&collection=images&Paris=a&Paris=b"
    with pytest.raises(CallerError):
        told_by(Request("image", "PUT", twice))
