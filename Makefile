# Everything runs with the repository's own Node.js 22, which `make setup` installs where the machine has none.

NODE_ENV := bin/node-env
RUN := $(NODE_ENV) run
BIN := node_modules/.bin
READY := node_modules/.astra-setup
SOURCES := $(wildcard actors bench cli docs examples gateway kernel projections sandbox test)

.PHONY: help setup demo up test unit check model format bench sim docs clean

help: ## Print these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install Node.js 22 (where missing) and the dependencies
	@:

# npm runs under the Node.js that will run the code: optional native packages are chosen by the Node.js that installs.
$(READY): package-lock.json package.json .npmrc bin/node-env bin/install-nats
	@$(RUN) npm ci --loglevel=error
	@$(RUN) bin/install-nats
	@touch $@

demo: $(READY) ## Measure a directory with eight tasks and show the report (INPUT=dir DRIVER=name)
	@$(RUN) node examples/census/demo.ts $(if $(INPUT),--input "$(INPUT)") $(if $(DRIVER),--driver "$(DRIVER)")

up: $(READY) ## Run Astra with embedded Postgres and NATS on http://127.0.0.1:7420
	@bin/astra up

test: $(READY) ## Run every test, unit and integration, on real servers it starts itself
	@$(RUN) $(BIN)/vitest run

unit: $(READY) ## Run the tests that need no servers
	@$(RUN) $(BIN)/vitest run --project unit

check: $(READY) ## Format, lint, types, arrows between layers, unused code, unit tests
	@echo '· format and lint'
	@$(RUN) $(BIN)/biome check --error-on-warnings .
	@echo '· types'
	@$(RUN) $(BIN)/tsc --noEmit -p .
	@echo '· arrows'
	@$(RUN) $(BIN)/depcruise --config .dependency-cruiser.mjs --output-type err-long $(SOURCES)
	@echo '· unused'
	@$(RUN) $(BIN)/knip --no-progress
	@echo '· unit tests'
	@$(RUN) $(BIN)/vitest run --project unit

model: ## Check the model of the protocol (docs/model) over every interleaving; needs spin and gcc
	@docs/model/check

format: $(READY) ## Format and fix what can be fixed
	@$(RUN) $(BIN)/biome check --write .

bench: $(READY) ## Run a benchmark (ARGS="tasks --max", ARGS=append)
	@$(RUN) node bench/main.ts $(ARGS)

sim: $(READY) ## Simulate kernels under faults, by seeds (ARGS="--seeds 2000", ARGS=--help)
	@$(RUN) node test/simulation/main.ts $(ARGS)

docs: $(READY) ## Write the generated pages under docs/
	@$(RUN) node docs/generate.ts

clean: ## Remove what was installed and the local data (.astra)
	@bin/clean
