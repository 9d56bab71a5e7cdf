# SPDX-License-Identifier: BSD-3-Clause
# Names the commands. Each installs what it misses (Debian packages) and then works.
.DEFAULT_GOAL := help
BUILD ?= build
SECONDS ?= 60
SUITE ?=

.PHONY: help build run test interop bench fuzz lint fmt cover dist clean

help:
	@echo "make run              start a server and relay on embedded defaults (state in var/)"
	@echo "make test             every suite this machine can run"
	@echo "make build            build build/src/cli/fairlead"
	@echo "make interop          real peers against the built binary   [SUITE=control|relay]"
	@echo "make bench            ours and the rival in one run         [SUITE=control|relay]"
	@echo "make fuzz             every fuzz target                     [SECONDS=60]"
	@echo "make lint, make fmt   static analysis; formatting"
	@echo "make cover, make dist coverage report; stripped binary and package"

$(BUILD)/build.ninja:
	@sh tools/deps.sh build
	@meson setup $(BUILD) -Dwerror=false -Dtests=$$(pkg-config --exists cmocka && echo true || echo false) >/dev/null

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) src/cli/fairlead | grep -E 'error|warning|ninja: build stopped' || true
	@test -x $(BUILD)/src/cli/fairlead

run: build
	@exec $(BUILD)/src/cli/fairlead serve --quickstart var

test:
	@sh tools/deps.sh test
	@sh tools/test.sh

interop: build
	@sh tools/deps.sh interop
	@FAIRLEAD_BIN=$(CURDIR)/$(BUILD)/src/cli/fairlead sh interop/run.sh $(SUITE)

bench: build
	@sh tools/deps.sh bench
	@sh bench/run.sh $(SUITE)

fuzz:
	@sh tools/deps.sh fuzz
	@sh tools/fuzz.sh $(SECONDS)

lint:
	@sh tools/deps.sh lint
	@sh tools/lint.sh

fmt:
	@sh tools/deps.sh lint
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' 'include/*.h' | xargs clang-format -i

cover:
	@sh tools/deps.sh test
	@sh tools/cover.sh

dist:
	@sh tools/deps.sh build
	@sh tools/dist.sh

clean:
	@rm -rf build build-asan build-tsan build-fuzz build-cover
