# Stands for the plain commands that README.md shows; each target sets up .venv first, when needed.
PY := .venv/bin/python

.PHONY: quickstart test test-slow lint bench
quickstart: .venv/quickstart ; $(PY) -m pipeline.run --flagfile=configs/quickstart.flags
test:       .venv/test       ; $(PY) -m pytest -n 2 --dist loadfile
test-slow:  .venv/test       ; $(PY) -m pytest -n 2 --dist worksteal -m slow
lint:       .venv/dev
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	.venv/bin/hadolint Dockerfile
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	.venv/bin/kubernetes-validate --strict --quiet configs/serving/kubernetes/*.yaml
bench:      .venv/quickstart ; $(PY) -m benchmarks.quality
.venv/%: setup.py
	test -x .venv/bin/pip || python3 -m venv .venv
	$(PY) -m pip install --quiet -e '.[$*]' && touch $@
