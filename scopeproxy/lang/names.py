"""The names in a scope, checked: services against the vocabulary, sites and groups where they are known."""

from __future__ import annotations

from scopeproxy.errors import ScopeError
from scopeproxy.lang.scope import quoted
from scopeproxy.lang.source import Word
from scopeproxy.lang.suggestions import did_you_mean, shortened, suggestion
from scopeproxy.lang.vocabulary import Vocabulary

MOST_SITES = 1024
EVERY_SITE = "*"

# What to do about a group, by where it stands in the place of a site.
_GROUPS = {
    "at": "write all({0}) for every site of it, or any({0}) for the nearest that serves",
    "minus": "only sites can be taken away, one by one: any(* - Corte - Paris)",
    "of": "a distance is measured from one site",
}


class Names:
    """The checks for one scope; it counts the different sites as it goes."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._named: set[str] = set()

    def service(self, word: Word) -> str:
        """The service type that the name stands for."""
        return self._known(word, self._vocabulary.service(word.name))

    def service_by_key(self, word: Word) -> str:
        """The service type for a key of clouds.yaml, where `-` has become `_`."""
        return self._known(word, self._vocabulary.service_by_key(word.name))

    def site(self, word: Word, where: str = "at") -> str:
        """The name of a site; `where` it stands, a rule of the grammar, decides what is said about a group."""
        _check_name(word)
        known = self._vocabulary.sites
        if known is not None and word.name not in known:
            raise self._unknown_site(word, where)
        return self._counted(word)

    def pool(self, word: Word) -> str:
        """The name of a site or of a group."""
        _check_name(word)
        known = self._vocabulary.sites
        if known is not None and word.name not in known and word.name not in self._vocabulary.groups:
            raise self._unknown_pool(word)
        return self._counted(word)

    def _counted(self, word: Word) -> str:
        self._named.add(word.name)
        if len(self._named) > MOST_SITES:
            raise word.error(f"more than {MOST_SITES:,} sites are named")
        return word.name

    def _known(self, word: Word, service: str | None) -> str:
        if service is None:
            raise self._unknown_service(word)
        return service

    def _unknown_service(self, word: Word) -> ScopeError:
        if word.name in (self._vocabulary.sites or ()):
            return word.error(f"{shortened(word.name)} is a site; the service comes first, as in nova: Paris")
        return word.error(f"unknown service {shortened(word.name)}{did_you_mean(word.name, self._vocabulary.services)}")

    def _unknown_site(self, word: Word, where: str) -> ScopeError:
        if word.name in self._vocabulary.groups:
            return word.error(f"{shortened(word.name)} is a group of sites: {_GROUPS[where].format(quoted(word.name))}")
        if any(operator in word.name for operator in "&|()"):
            return word.error(f"unknown site {shortened(word.name)}: the quotes make one name of it; leave them out")
        return word.error(f"unknown site {shortened(word.name)}{suggestion(word.name, self._vocabulary.sites or ())}")

    def _unknown_pool(self, word: Word) -> ScopeError:
        known = (self._vocabulary.sites or frozenset()) | self._vocabulary.groups
        head, _, tail = word.name.partition("-")
        if head in known and tail in known:
            return word.error(f"unknown name {shortened(word.name)}: '-' needs blanks around it: {head} - {tail}")
        return word.error(f"unknown site or group {shortened(word.name)}{did_you_mean(word.name, known)}")


def _check_name(word: Word) -> None:
    if word.name == EVERY_SITE:
        raise word.error("'*' is not the name of a site; every site is all(*) or any(*), without quotes")
    if "\t" in word.name:
        raise word.error("a tab cannot be part of a name")
