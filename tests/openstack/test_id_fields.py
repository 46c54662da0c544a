"""The list of the fields for ids by which the tables of references are held complete."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
LISTED = HERE.parent / "planning" / "id_fields.txt"


@pytest.mark.real_only("what is installed declares them")
@pytest.mark.parametrize("service", ["compute", "block-storage", "identity", "image", "network"])
def test_the_list_has_what_the_installed_service_declares(cloud: Any, tmp_path: Path, service: str) -> None:
    python = cloud.lab.sites["Paris"].venv / "bin" / "python"
    told = subprocess.run(
        [python, HERE / "id_fields.py", service], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    declared = [line for line in LISTED.read_text().splitlines() if line.startswith(f"{service} ")]
    assert told.stdout.splitlines() == declared
