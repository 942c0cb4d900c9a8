# Two commands do the work: `make chat` and `make test`. Each makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
READY_TO_TEST := $(VENV)/ready-to-test

.PHONY: help chat native test lint coverage bench clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

chat: $(INSTALLED)  ## install what is missing, index the articles, serve the chat page
	@$(BIN)/reex chat

# The ready-made server uses no instructions that only some processors have, such as AVX-512. Without a cache,
# so that nothing that was built for this processor is ever installed on another.
native: $(INSTALLED)  ## build the model's server for this processor; needs a compiler and five minutes
	@command -v cmake >/dev/null && command -v c++ >/dev/null || { echo "This needs CMake and a C++ compiler: on Debian, apt-get install cmake g++."; exit 1; }
	@echo "Building the model's server for this processor, some five minutes …"
	CMAKE_ARGS="-DLLAMA_LLGUIDANCE=OFF -DLLAMA_BUILD_BORINGSSL=OFF" $(BIN)/python -m pip install --quiet \
		--force-reinstall --no-deps --no-cache-dir --no-binary xllamacpp -c constraints.txt xllamacpp

test: $(READY_TO_TEST)  ## lint, type-check and run the whole test suite
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

coverage: $(READY_TO_TEST)  ## the test suite again, with the lines that it does not reach
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered --cov-fail-under=85

bench: $(READY_TO_TEST)  ## indexing, search and answers, against the tutorial chain
	$(BIN)/reex bench

clean:  ## remove the virtual environment; corpora and models stay
	rm -rf $(VENV)

$(VENV)/bin/python:
	@echo "Making the virtual environment $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make virtual environments: on Debian, apt-get install python3-venv."; rm -rf $(VENV); exit 1; }

$(INSTALLED): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing the pinned packages (about 2 GB once unpacked) …"
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on -c constraints.txt -e . | grep --line-buffered -v 'already satisfied'
	@touch $@

$(READY_TO_TEST): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,peers]'
	@command -v chromium >/dev/null || { echo "Installing Chromium for the browser tests …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk; }
	@touch $@
