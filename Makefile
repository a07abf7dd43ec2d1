# Needs Python 3.11 to 3.14 and pip, nothing else. Every target makes .venv itself; another interpreter: make PYTHON=…
.DEFAULT_GOAL := help
.PHONY: help demo test check generate upgrade bench soak test-matrix venv lint types fresh
export PYTHON
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

RUN := .venv/bin/python -m

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: venv ## regenerate, then run typed calls against an embedded server and let mypy judge three wrong lines
	@.venv/bin/python examples/demo.py

test: lint types fresh ## everything: what check does, and the typing, live and fault tests on real servers
	@$(RUN) pytest -q -rs tests

check: lint types fresh ## without a network or server: ruff, black, mypy, pyright, generated code, unit tests
	@$(RUN) pytest -q -rs tests/unit tests/codegen

generate: venv ## write src/redpoll/commands from commands.json and codegen/overlay
	@$(RUN) codegen

upgrade: venv ## take up newer specs, SPEC="file folder url redis://…": import, regenerate, prove, report for the changelog
	@test -n "$(SPEC)" || { echo 'make upgrade SPEC="…": a file, a folder, a URL or redis://host:port' >&2; exit 2; }
	@$(RUN) codegen upgrade $(SPEC)

bench: venv ## CPU per call, against a bare asyncio and hiredis loop
	@$(RUN) benchmarks.bench

MINUTES ?= 1
soak: venv ## many callers through a faulty network, for MINUTES=1: nobody may get another's reply, nothing may leak
	@$(RUN) benchmarks.soak --minutes $(MINUTES)

test-matrix: venv ## unit and live tests on every Python 3.11 to 3.14 that is found
	@.ci/matrix

venv:
	@.ci/venv .venv

lint: venv
	@$(RUN) ruff check --quiet .
	@$(RUN) black --check --quiet . || { echo "black would reformat files: run .venv/bin/black ."; exit 1; }

types: venv
	@$(RUN) mypy src codegen examples/tour.py $(wildcard tests/typing/*.py)
	@$(RUN) pyright --pythonpath .venv/bin/python

fresh: venv
	@$(RUN) codegen --check
