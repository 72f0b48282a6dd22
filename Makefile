# Everything a newcomer needs: `make demo` and `make test` work on a fresh Debian 12 with only Swift installed.
PACKAGES := liblua5.4-dev libopenblas-dev libpng-dev libyaml-dev libdnnl-dev libturbojpeg0-dev libsqlite3-dev \
            zlib1g-dev libedit-dev gnuplot-nox
CHEXGEN := .build/release/chexgen
SOURCES := Package.swift Plugins Sources Tests benchmarks

.PHONY: setup build demo test bench reference parity format lint docs docs-check clean

# Installs the Debian packages that are missing; asks for nothing where all are there.
setup:
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; fi
	@command -v swift >/dev/null || { echo "Swift 6 is needed: https://www.swift.org/install" >&2; exit 1; }

build: setup
	swift build -c release --product chexgen

# The main job end to end on phantoms that the demo renders: no download, and outside this folder
# only the cache of features, ~/.cache/chexgen.
demo: build
	$(CHEXGEN) run experiments/quickstart.yaml

test: setup
	swift build -c release --build-tests
	swift test -c release --skip-build

# Runs this program and its peers in turn; needs the reference libraries, see benchmarks/README.md.
bench: setup
	benchmarks/run

# The Python environments that benchmarks and parity scripts compare with.
REFERENCE := $(HOME)/.cache/chexgen-reference
RADIOMICS := $(HOME)/.cache/chexgen-radiomics
reference:
	python3 -m venv $(REFERENCE)
	$(REFERENCE)/bin/pip install -r Tests/Parity/requirements.txt
	python3 -m venv $(RADIOMICS)
	$(RADIOMICS)/bin/pip install -r Tests/Parity/requirements-radiomics.txt
	$(RADIOMICS)/bin/pip install --no-build-isolation pyradiomics==3.0.1

# Writes the expectations of Tests/Parity/fixtures anew and says what differs from the committed ones.
parity:
	python3 Tests/Parity/regenerate.py

format:
	swift format --in-place --recursive $(SOURCES)

lint:
	swift format lint --strict --recursive $(SOURCES)

# The Lua reference (docs/lua.md) and the editor stubs (lua/meta) come from the declarations in the code.
docs: build
	$(CHEXGEN) stubs --manual docs/lua.md --out lua/meta

docs-check: docs
	@git diff --exit-code -- docs/lua.md lua/meta || { echo "generated files are stale: run make docs and commit" >&2; exit 1; }

clean:
	rm -rf .build
