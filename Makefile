# One command per habit; each sets up what it needs on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Byte code is worth its files: without it every start of the command compiles everything again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup run test test-long test-system test-usb sim mutants bench openapi lint lock system-packages clean
.DEFAULT_GOAL := run

setup: $(READY)

# ORDER: the hashed lock first, then this tree without resolving anything again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pos-agent needs Python 3.11 or newer; set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python lacks venv: on Debian or Ubuntu run  apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY)
	@$(BIN)/pos-agent demo

# One process more than cores: tests wait for disks, devices and deadlines as well.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 7 ? n + 1 : 8)))
test: $(READY) system-packages
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# One seeded world: stores, HQ, network, customers and trouble in virtual time. The same seed gives the same trace.
SEED   ?= 7
DAYS   ?= 3
STORES ?= 5
SALES  ?= 200
sim: $(READY)
	@$(BIN)/python -m tests.simulation --seed $(SEED) --days $(DAYS) --stores $(STORES) --sales $(SALES) $(MORE)

# Does the suite have teeth? Plants bugs one at a time into a copy of the tree; each must be noticed.
mutants: $(READY)
	@$(BIN)/python -m tests.mutants

# The units in a booted container; root only. The Debian root is made once and kept in /var/tmp/pos-agent-system.
test-system: $(READY)
	@.ci/system-packages systemd-container mmdebstrap
	$(BIN)/python -m pytest --timeout=600 -rP tests/system

# Scanners and a printer on a real kernel's USB: virtual devices in a virtual machine, plugged and unplugged (no KVM).
test-usb: $(READY)
	@.ci/system-packages qemu-system-x86 linux-image-amd64 busybox-static kmod cpio udev libusb-1.0-0
	tests/usb/run.sh

# What takes too long for every change: hundreds of kills, power cuts, long simulations, planted bugs.
test-long: $(READY) system-packages
	@.ci/system-packages strace faketime fuse3
	$(BIN)/python -m pytest --timeout=1800 -rP tests/long
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest --timeout=1800 tests/unit
	@$(BIN)/python -m tests.mutants

# Figures with their floors, against baselines of the same run. The machine should have nothing else to do.
bench: $(READY)
	@.ci/system-packages fonts-wqy-zenhei
	$(BIN)/python -m tests.bench

openapi: $(READY)
	$(BIN)/python -m agent.api.document

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What tests need beyond Python; without root or sudo those tests are skipped, and say so.
system-packages:
	@.ci/system-packages zbar-tools systemd strace faketime postgresql chromium fonts-wqy-zenhei cups-daemon

# Names, versions and hashes only: a lock file never carries an index address.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
