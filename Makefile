# Every target works alone in a fresh clone: it brings what it needs. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests mostly wait for processes, so one worker more than the machine has cores; a file's tests stay with one worker.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)))
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# pyright comes with its own node and its own copy of the checker; it must neither look for others nor call home.
export PYRIGHT_PYTHON_GLOBAL_NODE = 0
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

# The tests start a thousand Pythons: what one has compiled the next finds, also where an image has said otherwise.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-long test-fire test-power test-agents check format bench bench-agents bench-peers docs lock lock-agents lock-peers clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## make .venv from locks/dev.txt (does nothing when current)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "make setup: $(PYTHON) is not here; Roost needs Python 3.11, 3.12 or 3.13"; exit 1; }
	@$(PYTHON) scripts/setup.py $(VENV)

demo: setup ## see a session survive a killed hub, without any key or agent
	@scripts/need git:git
	@$(BIN)/python demo/run.py $(ARGS)

test: setup ## all tests except the long ones; more options: make test ARGS="-k cursor -x"
	@scripts/need git:git bwrap:bubblewrap tmux:tmux cc:build-essential faketime:faketime
	@$(PYTEST) -m "not long and not agents" $(ARGS)

test-fast: setup ## the same without the tests that start or kill processes
	@scripts/need git:git tmux:tmux
	@$(PYTEST) -m "not long and not fire and not process and not agents" $(ARGS)

test-long: setup ## the tests that take minutes
	@scripts/need git:git tmux:tmux cc:build-essential faketime:faketime
	@$(BIN)/python -m pytest -m "long and not agents" $(ARGS)

test-fire: setup ## random faults against whole hubs, and a checker of what everybody saw: make test-fire ARGS="--seed 1 --minutes 10"
	@scripts/need git:git unshare:util-linux mount:mount cc:build-essential faketime:faketime
	@$(BIN)/python -m tests.fire.chaos $(ARGS)

test-power: setup ## a hub on a disk that forgets what was not made to last, its power cut a thousand times; again: ROOST_FIRE_SEED=N
	@scripts/need git:git cc:build-essential
	@$(BIN)/python -m pytest -m long tests/fire/power $(ARGS)

test-agents: setup ## real agents with a model that is not, where there is no network; installs them first; ALL=1: without a sandbox, too
	@scripts/need unshare:util-linux ip:iproute2 bwrap:bubblewrap tmux:tmux
	@$(BIN)/python -m tests.agents.installed
	@scripts/alone $(BIN)/python -m pytest tests/agents -n $(WORKERS) -m "agents$(if $(ALL),, and not long)" $(ARGS)

check: setup ## format, lint, types, import walls, house rules; all of them, then the verdict
	@failed=; run() { echo "-- $$*"; "$$@" || failed="$$failed $$(basename $$1)"; }; \
	run $(BIN)/ruff format --check . ; \
	run $(BIN)/ruff check . ; \
	run $(BIN)/pyright --pythonpath $(BIN)/python ; \
	run $(BIN)/lint-imports --no-cache --no-logo ; \
	run $(BIN)/pytest -q tests/house ; \
	[ -z "$$failed" ] && echo "check: all is well" || { echo "check: failed:$$failed"; exit 1; }

format: setup ## rewrite the code the way `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure, and write bench/RESULTS.md
	@scripts/need git:git cc:build-essential
	@$(BIN)/python -m bench $(ARGS)

bench-agents: setup ## measure what Roost adds to real agents, and write bench/AGENTS.md; quietly: nothing else should run
	@scripts/need unshare:util-linux ip:iproute2
	@$(BIN)/python -m tests.agents.installed
	@scripts/alone $(BIN)/python -m bench.agents $(ARGS)

bench-peers: setup ## measure other servers of sessions beside Roost, and write bench/PEERS.md; installs them first; quietly, too
	@scripts/need unshare:util-linux ip:iproute2
	@$(BIN)/python -m bench.peers --install
	@scripts/alone $(BIN)/python -m bench.peers $(ARGS)

docs: setup ## render the pictures and the reference pages
	@$(BIN)/python docs/build.py $(ARGS)

lock: ## resolve pyproject.toml anew into locks/; newer versions: make lock ARGS=--upgrade
	@$(PYTHON) scripts/lock.py $(ARGS)

lock-agents: setup ## resolve src/roost/installs/pins.py anew: the agents that Roost installs
	@$(BIN)/python scripts/agent_locks.py $(ARGS)

lock-peers: setup ## resolve bench/peers/pins.py anew: what `make bench-peers` installs
	@PYTHONPATH=. $(BIN)/python scripts/peer_locks.py $(ARGS)

clean: ## remove environments, builds and caches
	rm -rf .venv .venv.lock .venvs .cache build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
