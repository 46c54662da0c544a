"""Wrong scopes and what to say about them.

Each example is parsed once; where the parser stops, and at what, is how the same mistake is known again in any other
text.  The table is also the test: every example must give its advice at its column.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Start = Literal["scope", "command_line", "location"]


class Mistake(NamedTuple):
    """What to say, and examples of what it is said about: a text, and the column at which it is wrong."""

    advice: str
    examples: tuple[tuple[str, int], ...]
    start: Start = "scope"


EMPTY: dict[Start, str] = {
    "scope": "the text is empty; {} is the scope that binds nothing",
    "command_line": "the text is empty; {} is the scope that binds nothing",
    "location": "the location is empty; expected a site, or sites joined with & and |",
}

_OPERATORS = "operators are & (here and there) and | (here or there)"

_UNJOINED = (
    "'&' or '|' is missing between sites, or ',' before a service; a name with a blank in it is quoted: \"New York\""
)
_UNJOINED_PARENTHESIS = "'&' or '|' is missing before '('; or was all(…) or any(…) meant?"
_NOT_A_SITE = "'*' is not a site; every site is all(*), or any(*) for the nearest that serves"

MISTAKES: tuple[Mistake, ...] = (
    # bindings
    Mistake(
        "a location is missing after ':'; expected a site, or sites joined with & and |",
        (
            ("{nova: }", 8),
            ("{nova: , glance: Corte}", 8),
            ("nova:", 6),
            ("<nova: >", 8),
            ("{nova: : Paris}", 8),
            ("{nova: = Paris}", 8),
            ("{nova: | Paris}", 8),
            ("{nova: || Paris}", 8),
            ("{nova: & Paris}", 8),
            ("{nova: )}", 8),
            ("nova: - Corte", 7),
        ),
    ),
    Mistake(
        "a location is missing after '='; expected a site, or sites joined with & and |",
        (("{nova=}", 7), ("nova=", 6), ("nova==Paris", 6), ("nova= , glance: Corte", 7), ("<nova=>", 7)),
    ),
    Mistake(
        "a service is missing before ':', as in {nova: Paris}, or {*: Paris} for every service",
        (("{: Paris}", 2), (": Paris", 1), ("{= Paris}", 2), ("= Paris", 1), ("< : Paris>", 3)),
    ),
    Mistake(
        "expected ':' and a location after the service, as in {nova: Paris}, or {*: Paris} for every service; "
        "sites of one service are joined with & or |",
        (
            ("Corte", 6),
            ("{nova}", 6),
            ("<nova>", 6),
            ("*", 2),
            ("{*}", 3),
            ('{"nova"}', 8),
            ("{nova, glance: Corte}", 6),
            ("nova Paris", 6),
            ('nova "Paris"', 6),
            ("nova any(*)", 6),
            ("{nova: Paris, Corte}", 20),
            ("{nova: Paris, any(*)}", 18),
            ("Paris&Corte", 6),
            ("Paris|Corte", 6),
            ("Paris||Corte", 6),
            ("Paris+Corte", 6),
            ("nova(Paris)", 5),
            ("nova * Paris", 6),
            ("Paris - Corte", 7),
        ),
    ),
    Mistake(
        "after ',' the next service is due; sites of one service are joined with & or |",
        (("{nova: Paris, (Corte)}", 15), ("{nova: Paris, &Corte}", 15), ("{nova: Paris, |Corte}", 15)),
    ),
    Mistake("a binding is missing before ','", (("{, nova: Paris}", 2), (", nova: Paris", 1), ("<, nova: Paris>", 2))),
    Mistake("one ',' is enough", (("{nova: Paris,, glance: Corte}", 14), ("nova: Paris,,", 13))),
    Mistake(
        "'{' is not closed: '}' is missing at the end",
        (
            ("{nova: Paris", 13),
            ("{nova: Paris,", 14),
            ("{", 2),
            ("{nova: Paris>", 13),
            ("{>", 2),
            ("{nova: Paris, >", 15),
        ),
    ),
    Mistake(
        "'<' is not closed: '>' is missing at the end",
        (
            ("<nova: Paris", 13),
            ("<nova: Paris,", 14),
            ("<", 2),
            ("<nova: Paris}", 13),
            ("<}", 2),
            ("<nova: Paris, }", 15),
        ),
    ),
    Mistake(
        "nothing was opened that could be closed here",
        (
            ("nova: Paris}", 12),
            ("nova: Paris>", 12),
            ("}", 1),
            (">", 1),
            ("nova: Paris, }", 14),
            ("nova: Paris, >", 14),
        ),
    ),
    Mistake(
        "a scope ends with its closing bracket; several bindings are separated by ',' inside of it",
        (
            ("{nova: Paris} glance: Corte", 15),
            ("{nova: Paris}, glance: Corte", 14),
            ("{nova: Paris}}", 14),
            ("{nova: Paris} {glance: Corte}", 15),
            ("<nova: Paris>>", 14),
            ("{nova: Paris} & Corte", 15),
            ("{nova: Paris} | Corte", 15),
            ("{nova: Paris})", 14),
        ),
    ),
    Mistake(
        "one pair of brackets is enough",
        (("{{nova: Paris}}", 2), ("<<nova: Paris>>", 2), ("<{nova: Paris}>", 2), ("{<nova: Paris>}", 2)),
    ),
    # operators
    Mistake(
        "a site name is missing after '&'",
        (
            ("{nova: Paris&}", 14),
            ("nova: Paris&", 13),
            ("<nova: Paris&>", 14),
            ("{nova: (Paris&)}", 15),
            ("{nova: Paris&, glance: Corte}", 14),
            ("{nova: Paris&|Corte}", 14),
            ("{nova: Paris&||Corte}", 14),
            ("{nova: Paris&Corte&}", 20),
            ("nova: Paris&Corte&", 19),
            ("<nova: Paris&Corte&>", 20),
            ("{nova: (Paris&Corte&)}", 21),
            ("{nova: Paris&Corte&, glance: Corte}", 20),
            ("{nova: Paris&Corte&|Nice}", 20),
        ),
    ),
    Mistake(
        "a single '&' is written",
        (("{nova: Paris&&Corte}", 14), ("{nova: Paris&Corte&&Nice}", 20), ("{nova: Paris & & Corte}", 16)),
    ),
    Mistake(
        "a site name is missing after '|'",
        (
            ("{nova: Paris|}", 14),
            ("nova: Paris|", 13),
            ("<nova: Paris|>", 14),
            ("{nova: (Paris|)}", 15),
            ("{nova: Paris|, glance: Corte}", 14),
            ("{nova: Paris|&Corte}", 14),
            ("{nova: Paris| |Corte}", 15),
            ("{nova: Paris|||Corte}", 15),
            ("{nova: Paris|Corte|}", 20),
            ("nova: Paris|Corte|", 19),
            ("<nova: Paris|Corte|>", 20),
            ("{nova: (Paris|Corte|)}", 21),
            ("{nova: Paris|Corte|, glance: Corte}", 20),
            ("{nova: Paris|Corte|&Nice}", 20),
            ("{nova: Paris||}", 15),
            ("{nova: Paris|Corte||}", 21),
            ("nova: Paris||", 14),
            ("nova: Paris|Corte||", 20),
        ),
    ),
    Mistake(
        _UNJOINED,
        (
            ("{nova: New York}", 12),
            ('{nova: Paris "New York"}', 14),
            ("{nova: Paris any(*)}", 14),
            ("{nova: Paris all(*)}", 14),
            ("{nova: Paris&Corte Nice}", 20),
            ("{nova: Paris|Corte Nice}", 20),
            ("{nova: (Paris) Corte}", 16),
            ("{nova: (New York)}", 13),
            ("{nova: Paris glance: Corte}", 14),
        ),
    ),
    Mistake(
        _UNJOINED_PARENTHESIS,
        (
            ("{nova: Paris (Corte)}", 14),
            ("{nova: Paris|Corte (Nice)}", 20),
            ("{nova: (Paris)(Corte)}", 15),
            ("{nova: (Paris|Nice)(Corte)}", 20),
            ("nova: some(France)", 11),
            ("nova: Any(*)", 10),
        ),
    ),
    Mistake(
        "':' stands after a service only; bindings are separated by ','",
        (("{nova: Paris: Corte}", 13), ("{nova: glance: Corte}", 14), ("nova: Paris = Corte", 13)),
    ),
    Mistake(
        _NOT_A_SITE,
        (
            ("{nova: *}", 8),
            ("{nova: Paris&*}", 14),
            ("{nova: Paris|*}", 14),
            ("{nova: (*)}", 9),
            ("{nova: Paris *}", 14),
        ),
    ),
    Mistake(
        "'-' takes sites away inside of any(…) and all(…) only, as in all(France - Corte)",
        (
            ("{nova: Paris - Corte}", 14),
            ("{nova: (Paris - Corte)}", 15),
            ("{nova: Paris&Corte - Nice}", 20),
            ("nova: all(*) - Corte", 14),
        ),
    ),
    # parentheses
    Mistake(
        "'(' is not closed: ')' is missing",
        (
            ("{nova: (Paris}", 14),
            ("{nova: (Paris|Corte}", 20),
            ("{nova: (Paris&Corte}", 20),
            ("nova: (Paris", 13),
            ("nova: (Paris&Corte", 19),
            ("<nova: (Paris>", 14),
            ("{nova: (Paris, glance: Corte}", 14),
        ),
    ),
    Mistake(
        "')' closes nothing: no '(' is open",
        (
            ("{nova: Paris)}", 13),
            ("nova: Paris)", 12),
            ("{nova: (Paris))}", 15),
            ("{nova: Paris|Corte)}", 19),
            ("{nova: Paris&Corte)}", 19),
        ),
    ),
    Mistake(
        "a site name is missing after '('",
        (
            ("{nova: ()}", 9),
            ("nova: (", 8),
            ("{nova: (&Paris)}", 9),
            ("{nova: (|Paris)}", 9),
            ("{nova: (}", 9),
            ("{nova: (, glance: Corte}", 9),
        ),
    ),
    # selectors
    Mistake(
        "any and all are followed by their pool, as in any(*) or all(France); a site of that name is quoted",
        (
            ("{nova: any}", 11),
            ("{nova: all}", 11),
            ("nova: any", 10),
            ("{nova: any France}", 12),
            ('{nova: any "France"}', 12),
            ("{nova: any * }", 12),
            ("{nova: all, glance: Corte}", 11),
            ("{nova: any|Paris}", 11),
            ("{nova: any&Paris}", 11),
        ),
    ),
    Mistake(
        "the pool is empty; expected '*' for every site, a site or a group, as in any(*) or all(France)",
        (
            ("{nova: any()}", 12),
            ("{nova: any(, 20ms)}", 12),
            ("{nova: all( - Corte)}", 13),
            ("{nova: any((France))}", 12),
            ("nova: any(", 11),
        ),
    ),
    Mistake(
        "a pool is '*', a site or a group, less sites: all(France - Corte); sites are joined with & and | outside",
        (
            ("{nova: any(Paris|Corte)}", 17),
            ("{nova: any(any(*))}", 15),
            ("{nova: all(Paris&Corte)}", 17),
            ("{nova: any(Paris||Corte)}", 17),
            ("{nova: any(Paris+Corte)}", 17),
            ("{nova: any(Paris Corte)}", 18),
            ("{nova: any(*|Corte)}", 13),
            ("{nova: any(* Corte)}", 14),
            ("{nova: any(France - Corte Nice)}", 27),
        ),
    ),
    Mistake(
        "a site to take away is missing after '-'",
        (
            ("{nova: any(* - )}", 16),
            ("{nova: any(* - *)}", 16),
            ("{nova: any(* - , 20ms)}", 16),
            ("{nova: any(* - Corte - )}", 24),
            ("{nova: any(* - (Corte))}", 16),
        ),
    ),
    Mistake(
        "after the pool a duration with its unit is due, as in any(*, 20ms); sites are joined with & and |",
        (
            ("{nova: any(France, Corte)}", 20),
            ("{nova: all(Paris, 20)}", 19),
            ("{nova: all(Paris, 20 ms)}", 19),
            ("{nova: any(*, )}", 15),
            ('{nova: any(*, "Corte")}', 15),
            ("{nova: any(*, all(Corte))}", 15),
            ("{nova: any(*, *)}", 15),
            ("nova: any(*,", 13),
        ),
    ),
    Mistake(
        "'(' of the selector is not closed: ')' is missing",
        (
            ("{nova: any(*}", 13),
            ("{nova: any(France}", 18),
            ("nova: any(*", 12),
            ("{nova: any(*, 20ms}", 19),
            ("{nova: any(*, 20ms of Paris}", 28),
            ("{nova: any(* - Corte}", 21),
            ("nova: any(*, 20ms", 18),
            ("nova: any(*, 20ms of Paris", 27),
        ),
    ),
    Mistake(
        "after a duration only 'of' and a site may follow, as in any(*, 20ms of Paris)",
        (
            ("{nova: any(*, 20ms from Paris)}", 20),
            ("{nova: any(*, 20ms of any(*))}", 26),
            ("{nova: any(*, 20ms Paris)}", 20),
            ("{nova: any(*, 20ms, Paris)}", 19),
            ("{nova: any(*, 20ms of Paris Corte)}", 29),
            ("{nova: any(*, 20ms of Paris&Corte)}", 28),
            ("{nova: any(*, 20ms of Paris|Corte)}", 28),
            ("{nova: any(*, 20ms - Paris)}", 20),
        ),
    ),
    Mistake(
        "a site is missing after 'of', as in any(*, 20ms of Paris)",
        (
            ("{nova: any(*, 20ms of)}", 22),
            ("{nova: any(*, 20ms of *)}", 23),
            ("{nova: any(*, 20ms of (Paris))}", 23),
        ),
    ),
    # a location alone: a JSON value, or a value of a mapping in clouds.yaml
    Mistake(
        "a site name is missing before this",
        (("& Paris", 1), ("| Paris", 1), (") Paris", 1), ("- Paris", 1), ("+ Paris", 1), (", Paris", 1)),
        "location",
    ),
    Mistake(_NOT_A_SITE, (("*", 1),), "location"),
    Mistake(
        "here a location alone is due, as in Paris&Corte; the service is the key",
        (("{nova: Paris}", 1), ("<nova: Paris>", 1), ("Paris, glance: Corte", 6)),
        "location",
    ),
    Mistake("nothing was opened that could be closed here", (("Paris}", 6), ("Paris>", 6)), "location"),
    # the command line, where a location alone is for every service
    Mistake(_UNJOINED, (("New York", 5), ('New "York"', 5), ("Paris (Corte)", 7), ("Paris any(*)", 7)), "command_line"),
    Mistake(
        "a site or a service is missing before this",
        (("&Paris", 1), ("|Paris", 1), (": Paris", 1), (")", 1), (", nova: Paris", 1), ("- Corte", 1)),
        "command_line",
    ),
    Mistake(
        "a service is missing before this location: one location alone is for every service, as in --scope Corte",
        (("Corte, glance: Paris", 6), ("Corte,", 6), ("any(*), glance: Paris", 7)),
        "command_line",
    ),
    Mistake("')' closes nothing: no '(' is open", (("Paris)", 6),), "command_line"),
)

# Characters that begin no word of the language.
CHARACTERS: dict[str, str] = {
    **dict.fromkeys("%^!", "is reserved for a later version of the language"),
    '"': "opens a quoted name that is not closed on its line",
    "'": 'is not a quote here: names are quoted with ", as in "New York"',
    **dict.fromkeys("“”„«»", 'is not a quote here: names are quoted with a plain "'),
    **dict.fromkeys("[]", "is not part of the language: a list of sites is joined with & or |, as in Paris&Corte"),
    ";": "is not part of the language: bindings are separated by ','",
    "#": "is not part of the language: there are no comments",
    "\\": "is not part of the language outside of quotes",
    "$": "is not part of the language; was it a variable that your shell did not replace?",
    "\u00a0": "is a no-break space: write a plain blank",
}


def about_character(character: str) -> str:
    """What to say about a character that begins no word."""
    advice = CHARACTERS.get(character)
    if advice is None and (character.isalpha() or character.isnumeric()):
        advice = 'is not plain: a name with anything but A-Z, a-z, 0-9, _, . and - is quoted, as in "Saint-Étienne"'
    return f"{character!r} {advice or f'is not part of the language; {_OPERATORS}'}"
