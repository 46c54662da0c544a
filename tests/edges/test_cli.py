"""The command: exit codes, and what goes to stdout and to stderr."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from scopeproxy.edges.cli import main

SITES = """\
sites:
  Paris:
    services:
      docs: {front: "http://127.0.1.1:80", back: "http://127.0.1.1:81"}
      maps: {front: "http://127.0.1.1:82", back: "http://127.0.1.1:83"}
  Corte:
    services:
      docs: {front: "http://127.0.2.1:80"}
services: {docs: {}, maps: {}}
proxy: {admin: none}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sites.yaml"
    path.write_text(SITES)
    return path


@pytest.fixture
def run(file, capsys):
    """Exit code, stdout and stderr of a command; FILE stands for the topology."""

    def run(*words):
        try:
            code = main([str(file) if word == "FILE" else word for word in words])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """`serve` takes the root logger for its process."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


EXPLAIN = ("explain", "-c", "FILE", "--site", "Paris")


@pytest.mark.parametrize("command", [(), ("serve",), ("check",), ("explain",), ("journal",), ("demo",)])
def test_help_is_a_result(run, command):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert "usage: scopeproxy" in out


def test_the_version_is_told(run):
    assert run("--version")[1].startswith("scopeproxy ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("frobnicate",),
        ("serve", "-c", "FILE"),
        ("serve", "-c", "FILE", "--site", "Paris", "--workers", "0"),
        ("serve", "-c", "FILE", "--site", "Paris", "--workers", "two"),
        ("check",),
        (*EXPLAIN,),
        (*EXPLAIN, "{docs: Paris}", "GET"),
        (*EXPLAIN, "{docs: Paris}", "GET", "docs:/x", "more"),
        (*EXPLAIN, "{docs: Paris}", "-f", "xml"),
    ],
)
def test_wrong_usage_is_told_and_is_2(run, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "usage: scopeproxy" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*EXPLAIN, "{docs: Pari}"), "did you mean 'Paris'?"),
        ((*EXPLAIN, "{docs: Paris"), "scope: "),
        ((*EXPLAIN, "{docs: Paris}", "GET", "http://elsewhere/"), "on none of the fronts"),
        (("explain", "-c", "FILE", "--site", "Pari", "{}"), "unknown site 'Pari'"),
        (("explain", "-c", "/no/where", "--site", "Paris", "{}"), "cannot be read"),
        (("serve", "-c", "FILE", "--site", "Pari"), "unknown site 'Pari'"),
        (("serve", "-c", "FILE", "--site", "Corte"), "the key 'back' is missing"),
        (("check", "/no/where"), "cannot be read"),
    ],
)
def test_a_mistake_is_told_on_stderr_and_is_2(run, words, told):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_a_scope_that_would_be_refused_is_explained_and_is_1(run):
    code, out, err = run(*EXPLAIN, "{maps: Corte}")
    assert (code, err) == (1, "")
    assert out.splitlines()[-1].startswith("refused  scope")


def test_a_call_is_explained(run):
    code, out, _ = run(*EXPLAIN, "docs:Paris|Corte", "get", "docs:/x?y")
    assert code == 0
    assert "      GET http://127.0.2.1/x?y" in out.splitlines()


def test_an_explanation_as_json(run):
    code, out, _ = run(*EXPLAIN, "{docs: Paris&Corte}", "-f", "json")
    assert code == 0
    assert json.loads(out)["explained"] == "{docs: Paris & Corte}"


def test_a_good_file_is_summed_up_on_stdout(run):
    code, out, err = run("check", "FILE")
    assert (code, err) == (0, "")
    assert "no mistakes" in out


@pytest.mark.parametrize("words", [("check", "FILE"), (*EXPLAIN, "{docs: Paris}")])
def test_a_reader_who_has_seen_enough_is_no_error(file, words):
    command = [sys.executable, "-m", "scopeproxy.edges.cli", *(str(file) if word == "FILE" else word for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
