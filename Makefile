# make demo | test | test-versions | lint | coverage | docs: each sets up .venv by itself and is quick the second time.
PYTHON ?= python3
BIN    := .venv/bin
STAMP  := .venv/installed
SENSITIVE := tests/parity/test_plain_brian2.py tests/parity/test_schedule_parity.py \
	tests/fitting/test_circuits.py tests/fitting/test_rates.py tests/neurons/test_library.py \
	tests/simulation/test_spike_file_monitor.py tests/simulation/test_states_file.py \
	tests/simulation/test_written_weights.py tests/twin/test_fused_scan.py tests/twin/test_render.py

.PHONY: demo test test-versions test-second slow coverage lint format docs clean

demo: $(STAMP)
	$(BIN)/brianbridge study run digits_spike_count --out runs/demo

# One process for each core, each with one thread.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m "not slow"

# Each Python, the oldest and the newest packages, and the wheel alone: see noxfile.py. Takes hours.
test-versions: $(STAMP)
	$(BIN)/nox

# Another version, and the tests that depend most on the versions.
test-second: $(STAMP)
	$(BIN)/nox -s "tests(3.13-brian2-2.10)" -- $(SENSITIVE)

slow: $(STAMP)
	$(BIN)/pytest -m slow

# What the tests run of each module; numba's compiled functions are left out.
coverage: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m "not slow" --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in docs/_build/html. A warning is an error.
docs: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -c docs . docs/_build/html

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("brianbridge needs Python 3.11 or newer: make PYTHON=python3.11 demo" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	# The tests need these without torchvision and samna, which they require.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r frameworks.txt
	touch $(STAMP)

clean:
	rm -rf .venv .nox runs docs/_build docs/api/generated
