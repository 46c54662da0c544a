"""Limits, quotas and usage of several sites in one: figures are added, and what has no end at one has none in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNLIMITED = -1

# What holds for each thing rather than for all of them: the smallest of all sites is what can be relied on.
# Compute API, https://docs.openstack.org/api-ref/compute/#limits-limits; Block Storage API v3, quota sets.
EACH = frozenset(
    {
        *("maxServerMeta", "maxImageMeta", "maxPersonality", "maxPersonalitySize", "maxSecurityGroupRules"),
        *("maxServerGroupMembers", "metadata_items", "injected_files", "injected_file_content_bytes"),
        *("injected_file_path_bytes", "server_group_members", "per_volume_gigabytes", "per_share_gigabytes"),
    }
)

# Numbers that count nothing.
_NO_FIGURES = frozenset({"resource_provider_generation", "generation", "consumer_generation"})


def summed(documents: Sequence[Any], key: str = "") -> Any:
    """One document out of several of like shape: numbers added, lists joined, and of all else the first.

    −1 stands for unlimited, and absorbs; of limits to each single thing (`EACH`) the smallest counts.
    """
    first = documents[0]
    if isinstance(first, dict):
        alike = [one for one in documents if isinstance(one, dict)]
        names = dict.fromkeys(name for one in alike for name in one)
        return {name: summed([one[name] for one in alike if name in one], name) for name in names}
    if isinstance(first, list):
        return [item for one in documents if isinstance(one, list) for item in one]
    numbers = [one for one in documents if isinstance(one, int | float) and not isinstance(one, bool)]
    if not numbers or isinstance(first, bool | str) or key in _NO_FIGURES:
        return first
    if key in EACH:
        bounded = [number for number in numbers if number != UNLIMITED]
        return min(bounded, default=UNLIMITED)
    return UNLIMITED if UNLIMITED in numbers else sum(numbers)
