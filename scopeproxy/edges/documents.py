"""docs/metrics.md, made from the table of metrics: `python -m scopeproxy.edges.documents > docs/metrics.md`."""

from __future__ import annotations

from scopeproxy.execution.metrics import DOCUMENTED, Documented

_HEAD = """\
# Metrics

What `/metrics` on the admin address tells, for Prometheus. This page is made from `scopeproxy/execution/metrics.py` by
`python -m scopeproxy.edges.documents > docs/metrics.md`.

Labels come from closed sets; none is made from a URL, a name that a user chose, or a token. With `serve --workers N`
each worker tells its own figures at a port of its own (the admin address for the first, the ports after it for the
others): scrape all, and add.

| metric | type | labels | meaning | when it rises |
|---|---|---|---|---|"""


def page() -> str:
    """The page."""
    return "\n".join([_HEAD, *map(_row, DOCUMENTED), ""])


def _row(metric: Documented) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} | {metric.rise} |"


if __name__ == "__main__":
    print(page(), end="")
