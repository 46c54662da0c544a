"""What a shell makes of a scope without quotes, told from the words it left.

`{nova: Paris}` becomes two words, and `{nova:Paris,glance:Corte}` too, without its braces: the second would be one
more server to delete in `server delete vm1 --scope {nova:Paris,glance:Corte}`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

_CLOSING = {"{": "}", "<": ">"}
_JOINTS = ("&", "|", "+")
_BINDING = re.compile(r"([\w*-]+)[:=][\w(\"'<{]")


def shell_mistake(text: str, options: Sequence[str], words: Sequence[str]) -> str | None:
    """The message for a scope that the shell took apart, None when it looks whole."""
    if re.search(r"\s", text):
        return None  # it was quoted: what is wrong with it is not the shell's doing
    for following in _following(text, options, words):
        if _is_torn(text, following):
            return _not_closed(_rejoined(text, following))
        if following and _is_binding(following[0]):
            return _expanded([text, *_bindings(following)])
    return None


def _following(text: str, options: Sequence[str], words: Sequence[str]) -> Iterator[Sequence[str]]:
    """The words after each place where an option was given this text."""
    for place, word in enumerate(words):
        glued = word in {f"{option}={text}" for option in options}
        if glued or (word == text and place and words[place - 1] in options):
            yield words[place + 1 :]


def _is_torn(text: str, following: Sequence[str]) -> bool:
    """Whether it goes on in the next word; one comma more at the end is allowed, and `nova:Paris,` is whole."""
    closing = _CLOSING.get(text[:1])
    if closing:
        return closing not in text
    return text.endswith((":", "=")) or (text.endswith(",") and bool(following) and _is_binding(following[0]))


def _rejoined(text: str, following: Sequence[str]) -> str | None:
    """The scope as it was meant: words are added as long as it is torn; None when that leads nowhere."""
    whole = text
    for place, word in enumerate(following):
        if not _is_torn(whole, following[place:]):
            break
        whole += f" {word}"
    return None if _is_torn(whole, ()) else whole


def _not_closed(whole: str | None) -> str:
    example = f", as in --scope {shlex.quote('{nova: Paris, glance: Corte}')}"
    return f"scope: not closed: quote the whole scope{example if whole is None else f': --scope {shlex.quote(whole)}'}"


def whole_texts(words: Sequence[str]) -> list[str]:
    """Texts put together again from their words: the interactive shell drops the quotes around them."""
    texts: list[str] = []
    for word in words:
        if texts and (_goes_on(texts[-1]) or word.startswith(_JOINTS)):
            texts[-1] += f" {word}"
        else:
            texts.append(word)
    return texts


def _goes_on(text: str) -> bool:
    closing = _CLOSING.get(text[:1], "")
    return closing not in text or text.count("(") > text.count(")") or text.endswith((":", "=", ",", *_JOINTS))


def _is_binding(word: str) -> bool:
    from scopeproxy.lang.vocabulary import OPENSTACK

    match = _BINDING.match(word)
    return match is not None and OPENSTACK.service(match[1]) is not None


def _bindings(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if not _is_binding(word):
            return
        yield word


def _expanded(parts: Sequence[str]) -> str:
    whole = shlex.quote("{" + ", ".join(parts) + "}")
    return f"scope: your shell expanded the braces ('{parts[1]}' stands alone): quote the whole scope: --scope {whole}"
