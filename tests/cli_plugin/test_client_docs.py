"""What docs/client.md shows is what works."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")


def shown(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


MERGED = {"X-Scope-Sites": "Paris=200, Corte=200"}


def test_every_command_of_the_page_works(cloud: Any, openstack: Any, side_by_side: Callable[..., Any]) -> None:
    cloud.pages["/identity/.well-known/scopeproxy/explain"] = (200, {"plan": "here"})
    cloud.pages["/identity/.well-known/scopeproxy/sites"] = (200, {"sites": [{"name": "Paris"}]})
    cloud.headers["/compute/v2.1/servers"] = MERGED
    lines = [line.removeprefix("$ ") for block in shown("console") for line in block.splitlines()]
    assert len(lines) > 6
    runs = side_by_side([partial(openstack.shell, "bash", line) for line in lines])
    assert [(line, run.stderr) for line, run in zip(lines, runs, strict=True) if run.returncode or run.stderr] == []


def test_the_cloud_file_and_the_program_of_the_page_work(cloud: Any, openstack: Any) -> None:
    (file,), (program,) = shown("yaml"), shown("python")
    cloud.headers["/compute/v2.1/servers"] = MERGED
    openstack.cloud_file(file.replace("http://127.0.1.1:5000", f"{cloud.url}/identity"))
    run = openstack.program(program + "conn.session.get_token()\nlist(conn.compute.servers())\n")
    assert (run.returncode, run.stdout) == (0, "['vm1']\n{'vm1': 'Paris'}\n")
    sent = dict.fromkeys((asked.scope, asked.headers.get("x-scope-options")) for asked in cloud.asked)
    assert list(sent)[-2:] == [("{compute: Paris&Corte}", "on-partial=keep, strict, timeout=30s"), (None, None)]
