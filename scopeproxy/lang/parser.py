"""From text to `Scope`, by the grammar in grammar/scope.lark.  The only module that imports lark.

lark reads the words and their order; names.py checks what they name; mistakes.py says what is wrong where lark stops.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from scopeproxy.errors import ScopeError
from scopeproxy.lang.durations import parse_duration
from scopeproxy.lang.mappings import Pair, json_pairs, mapping_pairs
from scopeproxy.lang.mistakes import EMPTY, MISTAKES, Start, about_character
from scopeproxy.lang.names import EVERY_SITE, Names
from scopeproxy.lang.scope import EVERY_SERVICE, At, Location, Pool, Scope, Selector, all_of, any_of
from scopeproxy.lang.source import BLANKS, Source, Word, check, check_size
from scopeproxy.lang.suggestions import shortened
from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary

_CACHED = 512

_Tree = Tree[Token]


def parse(text: str, vocabulary: Vocabulary = OPENSTACK) -> Scope:
    """The scope that the text stands for; ScopeError tells what is wrong, and where."""
    return _parsed(text, vocabulary)


def parse_command_line(texts: Sequence[str], vocabulary: Vocabulary = OPENSTACK) -> Scope:
    """The scope of a repeatable option: texts merge, a location alone is for every service, `+` is `&`."""
    check_size(", ".join(texts))
    names = Names(vocabulary)
    return _scope(binding for text in texts for binding in _bindings(Source.of(text), names, "command_line"))


def parse_mapping(mapping: Mapping[str, object], vocabulary: Vocabulary = OPENSTACK) -> Scope:
    """The scope of a mapping in clouds.yaml, service to location text; `-` in a key may have become `_`."""
    names = Names(vocabulary)
    pairs = mapping_pairs(mapping)
    return _scope(_mapped(pair, names.service_by_key(pair[0]), names, "location") for pair in pairs)


# Errors are not kept: whoever sends nonsense must not push out what others use.
@lru_cache(maxsize=_CACHED)
def _parsed(text: str, vocabulary: Vocabulary) -> Scope:
    return _scope(_bindings(Source.of(text), Names(vocabulary), "scope"))


# ---- bindings


class _Binding(NamedTuple):
    service: str
    word: Word
    location: Location


def _scope(bindings: Iterable[_Binding]) -> Scope:
    bound: dict[str, _Binding] = {}
    for binding in bindings:
        if binding.service in bound:
            raise _bound_twice(bound[binding.service].word, binding.word)
        bound[binding.service] = binding
    return Scope(tuple((service, binding.location) for service, binding in bound.items()))


def _bound_twice(first: Word, second: Word) -> ScopeError:
    if first.name == second.name:
        return second.error(f"{second.name} is bound twice; sites are joined with & or |")
    return second.error(f"{first.name} and {second.name} are the same service, and it is bound twice")


def _bindings(source: Source, names: Names, start: Start) -> list[_Binding]:
    check(source)
    pairs = json_pairs(source)
    if pairs is not None:
        within: Start = "location" if start == "scope" else "command_line"
        return [_mapped(pair, names.service(pair[0]), names, within) for pair in pairs]
    return _Reader(source, names, start).bindings(_tree(source, start))


def _mapped(pair: Pair, service: str, names: Names, start: Start) -> _Binding:
    word, value = pair
    check(value)
    return _Binding(service, word, _Reader(value, names, start).location(_tree(value, "location")))


# ---- from lark's trees to values


class _Reader:
    """Reads the trees of one source; `_READERS` has the method for each rule of the grammar."""

    def __init__(self, source: Source, names: Names, start: Start) -> None:
        self._source, self._names, self._start = source, names, start

    def bindings(self, tree: _Tree) -> list[_Binding]:
        match str(tree.data):
            case "command_line":
                return self.bindings(_tree_in(tree, 0))
            case "location":
                everything = Word(EVERY_SERVICE, self._source, 0)
                return [_Binding(EVERY_SERVICE, everything, self.location(tree))]
        return [self._binding(child) for child in _trees_in(tree)]

    def _binding(self, tree: _Tree) -> _Binding:
        word = self._word(_tree_in(tree, 0))
        return _Binding(self._names.service(word), word, self.location(_tree_in(tree, 1)))

    def location(self, tree: _Tree) -> Location:
        return _READERS[str(tree.data)](self, tree)

    def inner(self, tree: _Tree) -> Location:
        return self.location(_tree_in(tree, 0))

    def alternatives(self, tree: _Tree) -> Location:
        return any_of([self.location(part) for part in _trees_in(tree)])

    def together(self, tree: _Tree) -> Location:
        for token in _tokens_in(tree):
            self._check_plus(token)
        return all_of([self.location(part) for part in _trees_in(tree)])

    def at(self, tree: _Tree) -> Location:
        return At(self._site(tree))

    def selector(self, tree: _Tree) -> Location:
        kind, *duration = _tokens_in(tree)
        pool, *of = _trees_in(tree)
        within = self._seconds(duration[0]) if duration else None
        return Selector(str(kind), self._pool(pool), within, self._site(of[0]) if of else None)

    def _seconds(self, token: Token) -> float:
        try:
            return parse_duration(token)
        except ValueError as mistake:
            raise self._source.error(str(mistake), token.start_pos or 0) from mistake

    def _pool(self, tree: _Tree) -> Pool:
        every, sites = _tokens_in(tree), _trees_in(tree)
        name = EVERY_SITE if every else self._names.pool(self._word(sites.pop(0)))
        return Pool(name, tuple(dict.fromkeys(self._site(site) for site in sites)))

    def _site(self, tree: _Tree) -> str:
        return self._names.site(self._word(tree), where=str(tree.data))

    def _word(self, tree: _Tree) -> Word:
        (token,) = _tokens_in(tree)
        word = Word(str(token), self._source, token.start_pos or 0)
        return _unquoted(word) if token.type == "QUOTED" else word

    def _check_plus(self, token: Token) -> None:
        if self._start != "command_line":
            raise self._source.error("'+' stands for '&' on the command line only", token.start_pos or 0)


_READERS: dict[str, Callable[[_Reader, _Tree], Location]] = {
    "location": _Reader.inner,
    "alternatives": _Reader.alternatives,
    "together": _Reader.together,
    "at": _Reader.at,
    "selector": _Reader.selector,
}


def _trees_in(tree: _Tree) -> list[_Tree]:
    return [child for child in tree.children if isinstance(child, Tree)]


def _tokens_in(tree: _Tree) -> list[Token]:
    return [child for child in tree.children if isinstance(child, Token)]


def _tree_in(tree: _Tree, index: int) -> _Tree:
    return _trees_in(tree)[index]


_ESCAPE = re.compile(r"\\(.)")


def _unquoted(word: Word) -> Word:
    inside = word.name[1:-1]
    for escape in _ESCAPE.finditer(inside):
        if escape[1] not in '"\\':
            place = word._replace(offset=word.offset + 1 + escape.start())
            raise place.error(f'{escape[0]} means nothing in quotes; there are \\" and \\\\')
    if not inside:
        raise word.error("a name is missing: the quotes are empty")
    return word._replace(name=_ESCAPE.sub(r"\1", inside))


# ---- lark, and what it could not read


@lru_cache(maxsize=1)
def _lark() -> Lark:
    grammar = files("scopeproxy.grammar").joinpath("scope.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", start=["scope", "command_line", "location"], maybe_placeholders=False)


def _tree(source: Source, start: Start) -> _Tree:
    if source.is_blank:
        raise source.error(EMPTY[start], 0)
    try:
        return _lark().parse(source.text, start=start)
    except UnexpectedCharacters as unexpected:
        raise source.error(about_character(unexpected.char), unexpected.pos_in_stream or 0) from None
    except UnexpectedToken as unexpected:
        raise _misplaced(source, start, unexpected) from None


def _misplaced(source: Source, start: Start, unexpected: UnexpectedToken) -> ScopeError:
    seen = unexpected.token.type
    if start == "command_line" and _torn(source.text, seen):
        return source.error(_quote_it(source.text.strip(BLANKS)), source.start)
    advice = _advice().get(_situation(unexpected)) or _plainly(unexpected)
    return source.error(advice, source.end if seen == _END else unexpected.token.start_pos or 0)


_Situation = tuple[int, str]


def _situation(unexpected: UnexpectedToken) -> _Situation:
    """Where lark stopped: the state of its automaton, and the kind of the word that it saw."""
    return unexpected.state.position, unexpected.token.type


@lru_cache(maxsize=1)
def _advice() -> dict[_Situation, str]:
    """The advice for each situation that the wrong examples lead to."""
    advice: dict[_Situation, str] = {}
    for mistake in MISTAKES:
        for text, _ in mistake.examples:
            try:
                _lark().parse(text, start=mistake.start)
            except UnexpectedToken as unexpected:
                advice.setdefault(_situation(unexpected), mistake.advice)
    return advice


_END = "$END"
_SPELLED = {"NAME": "a name", "QUOTED": "a name", "DURATION": "a duration such as 20ms", _END: "the end"}


def _plainly(unexpected: UnexpectedToken) -> str:
    """For a mistake that nobody thought of: what was seen, and what could have stood there."""
    seen = "the end" if unexpected.token.type == _END else shortened(str(unexpected.token))
    expected = sorted({_spelled(name) for name in unexpected.accepts or unexpected.expected})
    return f"{seen} cannot stand here; expected {' or '.join(expected)}"


def _spelled(terminal: str) -> str:
    return _SPELLED.get(terminal) or repr(_lark().get_terminal(terminal).pattern.value)


# ---- shells


def _torn(text: str, seen: str) -> bool:
    """Whether a shell seems to have cut a scope in braces into words."""
    return (seen == _END and text.lstrip(BLANKS).startswith(("{", "<"))) or (seen == "RBRACE" and "{" not in text)


def _quote_it(text: str) -> str:
    """The advice to quote, with the scope as it should have been typed."""
    whole = f"{{… {text}" if text.endswith("}") else _closed(text)
    return f"not closed: quote the whole scope, so that the shell leaves it alone: --scope {shlex.quote(whole)}"


def _closed(text: str) -> str:
    whole = text.rstrip(",") + ("}" if text.startswith("{") else ">")
    try:
        _lark().parse(whole, start="scope")
    except UnexpectedInput:
        return f"{text} …{whole[-1]}"
    return whole
