# SPDX-License-Identifier: BSD-3-Clause
# Names the commands. Each installs what it misses (Debian packages) and then works.
.DEFAULT_GOAL := help
BUILD ?= build
SECONDS ?= 60
SUITE ?=
DIR ?=
TARGET ?=
SANITIZE ?=
SEED ?=
SEEDS ?=
SIZE ?=
FAIRLEAD = $(BUILD)/src/cli/fairlead

.PHONY: help build run test captures interop bench fuzz sim sim-mutants ship-mutants interop-mutants lint fmt cover dist clean

help:
	@echo "make run              start a server and relay on embedded defaults (state in var/)"
	@echo "make test             every suite this machine can run"
	@echo "make build            build $(FAIRLEAD)"
	@echo "make captures         every recorded policy case       [DIR=../shared/captures]"
	@echo "make interop          real peers against the built binary   [SUITE=control|relay|conformance|ship] [SANITIZE=address|thread]"
	@echo "make bench            ours and the rival in one run         [SUITE=control|relay|footprint|policy|own|ship]"
	@echo "make fuzz             every fuzz target                     [SECONDS=60] [TARGET=name]"
	@echo "make sim              the services in a simulated world      [SEEDS=100] [SEED=s] [SIZE=tiny|fifty|thousands]"
	@echo "make sim-mutants      does the simulator notice a broken server?"
	@echo "make ship-mutants     do the tests of the device hub notice a broken one?"
	@echo "make interop-mutants  do the rows of the conformance suite?"
	@echo "make lint, make fmt   static analysis; formatting"
	@echo "make cover, make dist coverage report; stripped binary and package"
	@echo "make clean            remove what was built (not var/)"

build:
	@sh tools/deps.sh build
	@sh tools/build.sh $(BUILD) src/cli/fairlead -Dtests=false

run: build
	@sh tools/run.sh $(FAIRLEAD)

test:
	@sh tools/deps.sh test
	@sh tools/test.sh

captures:
	@sh tools/deps.sh test
	@CC=gcc sh tools/build.sh build-test tests/captures/captures -Dwerror=true -Dbench=true
	@sh tools/captures.sh build-test/tests/captures/captures $(DIR)

interop: $(if $(SANITIZE),,build)
	@sh tools/deps.sh interop
	@$(if $(SANITIZE),sh tools/deps.sh test)
	@FAIRLEAD_BIN=$(abspath $(FAIRLEAD)) SANITIZE=$(SANITIZE) sh interop/run.sh $(SUITE)

bench:
	@sh tools/deps.sh bench
	@sh tools/release.sh
	@sh bench/run.sh $(SUITE)

fuzz:
	@sh tools/deps.sh fuzz
	@sh tools/fuzz.sh $(SECONDS) $(TARGET)

sim:
	@sh tools/deps.sh test
	@CC=gcc sh tools/build.sh build-test tests/sim/sim -Dwerror=true -Dbench=true
	@build-test/tests/sim/sim $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SIZE),--size $(SIZE))

sim-mutants:
	@sh tools/deps.sh test
	@sh tools/sim_mutants.sh

ship-mutants:
	@sh tools/deps.sh test
	@sh tools/ship_mutants.sh

interop-mutants:
	@sh tools/deps.sh test
	@sh tools/deps.sh interop
	@sh tools/conformance_mutants.sh

lint:
	@sh tools/deps.sh lint
	@sh tools/lint.sh

fmt:
	@sh tools/deps.sh lint
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' 'include/*.h' | xargs clang-format -i

cover:
	@sh tools/deps.sh cover
	@sh tools/cover.sh

dist:
	@sh tools/deps.sh dist
	@sh tools/dist.sh

clean:
	@rm -rf $(BUILD) build-*
