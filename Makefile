# SPDX-License-Identifier: EUPL-1.2
# make demo · make joint-session · make test · make bench · make fuzz · make check
.PHONY: demo joint-session test bench fuzz check setup help

help:            ## show the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: ## build and start the gateway, place a real call, print how to join
	@interop-tests/tools/setup.sh demo
	@examples/desk-phone/demo.sh

joint-session: ## two states share a room: two deployments, a border, what crosses it, how to join
	@interop-tests/tools/setup.sh session
	@examples/joint-session/demo.sh

test: check ## everything: unit, virtual time, real peers
	@interop-tests/tools/setup.sh test
	@interop-tests/tools/test.sh

check: ## format, lints, docs, licences, the rules of the house
	@interop-tests/tools/setup.sh check
	@interop-tests/tools/check.sh

bench: ## measure us beside a rival and write docs/bench.md
	@interop-tests/tools/setup.sh bench
	@interop-tests/tools/bench.sh

fuzz: ## run each fuzz target for 60 s (SECONDS_EACH=n)
	@interop-tests/tools/setup.sh fuzz
	@interop-tests/tools/fuzz.sh
