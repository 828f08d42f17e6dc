# Each target is a line or two that can be typed by hand. `lab`, `demo` and `test` set up
# everything they need in .venv; the first time that takes minutes, afterwards a blink.

# The first Python that is new enough; any other with: make lab PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; \
	done; echo python3)
VENV = .venv/bin/python
NOTEBOOKS = find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*'
STRIP = $(VENV) -m nbstripout --keep-id --extra-keys metadata.language_info.version
ARGS ?=
# Two processes share the test files, one thread of torch each; one process: make test WORKERS=
WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help lab demo test check lessons models bench emulator matrix format set-up-lab set-up-demo set-up-test

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: set-up-lab  ## JupyterLab on the first lesson (PORT=8890 and NO_BROWSER=1 are honoured)
	@$(VENV) tools/lab.py

demo: set-up-demo  ## the same way without a browser: train, evaluate and use a small model
	@$(VENV) -m kblib demo

test: set-up-test  ## all tests that need no GPU and no network (ARGS="-k corpus" picks some)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV) -m pytest $(WORKERS) $(ARGS)

matrix: set-up-test  ## what takes longer: every way a gang is struck, large simulations, all lessons
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV) -m pytest $(WORKERS) -m "survival or slow" $(ARGS)

check: set-up-test  ## lint, format, types, floors, stripped notebooks
	@failed=0; \
	$(VENV) -m ruff check --output-format concise . || failed=1; \
	$(VENV) -m ruff format --check . || failed=1; \
	$(VENV) -m mypy || failed=1; \
	.venv/bin/lint-imports --no-logo || failed=1; \
	$(NOTEBOOKS) | xargs -r $(STRIP) --verify || failed=1; \
	exit $$failed

format: set-up-test  ## rewrite code and notebooks as `make check` wants them
	@$(VENV) -m ruff check --fix . ; $(VENV) -m ruff format . && $(VENV) tools/siblings.py && \
	$(NOTEBOOKS) | xargs -r $(STRIP)

lessons: set-up-lab  ## run every lesson into build/lessons, as web pages
	@$(VENV) -m jupyter nbconvert --execute --to html --output-dir build/lessons \
	$(filter-out %.sv.ipynb,$(wildcard notebooks/*.ipynb))
	@KBNOTEBOOKS_LANGUAGE=sv $(VENV) -m jupyter nbconvert --execute --to html \
	--output-dir build/lessons $(wildcard notebooks/*.sv.ipynb)

models: set-up-demo  ## make the embedded models again (hours; goes on where it stopped)
	@$(VENV) -m kblib models $(ARGS)

bench: set-up-test  ## measure what the README claims, and rewrite its tables
	@$(VENV) -m benchmarks $(ARGS)

emulator: set-up-test  ## a rehearsal cluster: real Slurm on this machine (ARGS="--accounting", as root)
	@$(VENV) -m kblib.hpc.emulator start $(ARGS)

.PHONY: golden
golden: set-up-test  # write tests/golden again; read the difference before you commit it
	@KBNOTEBOOKS_GOLDEN=rewrite $(VENV) -m pytest -q tests/cluster/test_render.py

.PHONY: golden-kenlm
golden-kenlm:  # write tests/ngrams/golden again with KenLM; tools/golden_kenlm.py says what it needs
	@$(PYTHON) tools/golden_kenlm.py

set-up-lab set-up-demo set-up-test:
	@$(PYTHON) tools/set_up.py $(@:set-up-%=%)
