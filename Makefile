# Everything a newcomer needs: `make demo` and `make test` work on a fresh Debian 12 with only Swift installed.
PACKAGES := liblua5.4-dev libopenblas-dev libpng-dev libyaml-dev libdnnl-dev libturbojpeg0-dev libsqlite3-dev \
            zlib1g-dev libedit-dev gnuplot-nox
CHEXGEN := .build/release/chexgen
SOURCES := Package.swift Plugins Sources Tests benchmarks

# Where `make install` puts things; DESTDIR stands before it, for who makes packages.
PREFIX ?= /usr/local
DESTDIR ?=
# The program that is installed: that of `make build`.
PROGRAM ?= $(CHEXGEN)
# What the kernels of `make dist` may use: AVX2. `make dist MARCH=native` is for machines like this one.
MARCH ?= x86-64-v3
VERSION := $(shell sed -n 's/.*text = "\(.*\)".*/\1/p' Sources/ChexGenLua/Version.swift)
DIST := chexgen-$(VERSION)-linux-x86_64
# The packages that a program of `make dist` needs.
RUNTIME := liblua5.4-0 libopenblas0-pthread libpng16-16 libyaml-0-2 libdnnl2 libturbojpeg0 libsqlite3-0 zlib1g libedit2 \
           libstdc++6 gnuplot-nox

.PHONY: setup build demo test bench reference parity format lint docs docs-check install uninstall dist dist-check clean

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

# Builds only where there is no program yet, so that `make build && sudo make install` needs no Swift of root's.
INTO := $(DESTDIR)$(PREFIX)
install: $(if $(wildcard $(PROGRAM)),,build)
	install -D -m 755 $(PROGRAM) $(INTO)/bin/chexgen
	@# A file that an earlier version had would make another library of this one.
	rm -rf $(INTO)/share/chexgen/lua
	@for file in $$(find lua experiments -type f \( -name '*.lua' -o -name '*.yaml' \)); do \
	  install -D -m 644 $$file $(INTO)/share/chexgen/$$file || exit 1; done
	@for file in *.md LICENSE Package.swift docs/*.md benchmarks/README.md Tests/Parity/README.md assets/*; do \
	  install -D -m 644 $$file $(INTO)/share/doc/chexgen/$$file || exit 1; done
	@# What the documents link to.
	ln -sfn ../../chexgen/experiments ../../chexgen/lua $(INTO)/share/doc/chexgen/
	@install -d $(INTO)/share/man/man1 $(INTO)/share/bash-completion/completions $(INTO)/share/zsh/site-functions
	$(PROGRAM) stubs --out $(INTO)/share/chexgen/lua/meta --man $(INTO)/share/man/man1/chexgen.1 >/dev/null
	$(PROGRAM) completion bash >$(INTO)/share/bash-completion/completions/chexgen
	$(PROGRAM) completion zsh >$(INTO)/share/zsh/site-functions/_chexgen

uninstall:
	rm -f $(INTO)/bin/chexgen $(INTO)/share/man/man1/chexgen.1
	rm -f $(INTO)/share/bash-completion/completions/chexgen $(INTO)/share/zsh/site-functions/_chexgen
	rm -rf $(INTO)/share/chexgen $(INTO)/share/doc/chexgen

# One program with Swift's runtime in it, its library, experiments and documentation, in a tarball that may be unpacked anywhere.
dist: setup
	CHEXGEN_MARCH=$(MARCH) swift build -c release --product chexgen --static-swift-stdlib --scratch-path .build/dist
	rm -rf .build/$(DIST)
	$(MAKE) --no-print-directory install PROGRAM=.build/dist/release/chexgen DESTDIR=$(CURDIR)/.build/$(DIST) PREFIX=
	strip .build/$(DIST)/bin/chexgen
	sed 's/@VERSION@/$(VERSION)/; s/@MARCH@/$(MARCH)/; s/@PACKAGES@/$(RUNTIME)/' packaging/INSTALL >.build/$(DIST)/INSTALL
	mkdir -p dist
	tar --sort=name --owner=0 --group=0 --numeric-owner -C .build -czf dist/$(DIST).tar.gz $(DIST)
	@ls -l dist/$(DIST).tar.gz

# Unpacks it in a bare Debian made by debootstrap and compares its results with this build's. Needs root and Debian's mirror, and is
# therefore no part of CI.
dist-check: build
	packaging/dist-check dist/$(DIST).tar.gz $(CHEXGEN) $(RUNTIME)

clean:
	rm -rf .build dist
