import pytest

from scopeproxy.errors import ScopeError
from scopeproxy.lang.names import MOST_SITES, Names
from scopeproxy.lang.source import Source, Word
from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary

KNOWN = Names(Vocabulary(sites=frozenset({"Paris", "Lyon"}), groups=frozenset({"France", "Lyon"})))


def word(name):
    return Word(name, Source.of(name), 0)


def test_a_service_becomes_its_type():
    assert KNOWN.service(word("nova")) == "compute"
    assert KNOWN.service_by_key(word("block_storage")) == "block-storage"


def test_a_pool_is_a_site_or_a_group():
    assert [KNOWN.pool(word(name)) for name in ("Paris", "France", "Lyon")] == ["Paris", "France", "Lyon"]


@pytest.mark.parametrize("where", ["at", "minus", "of"])
def test_a_group_is_no_site_wherever_it_stands(where):
    with pytest.raises(ScopeError, match="'France' is a group of sites"):
        KNOWN.site(word("France"), where)


def test_a_group_is_quoted_in_the_advice_where_it_has_to_be():
    names = Names(Vocabulary(sites=frozenset(), groups=frozenset({"New England"})))
    with pytest.raises(ScopeError, match=r'write all\("New England"\) .* any\("New England"\)'):
        names.site(word("New England"))


def test_different_sites_are_counted():
    names = Names(OPENSTACK)
    for number in range(MOST_SITES):
        names.site(word(f"s{number}"))
    names.site(word("s0"))
    with pytest.raises(ScopeError, match="more than 1,024 sites"):
        names.pool(word("one-more"))
