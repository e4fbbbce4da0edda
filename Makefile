# Everything here is a short way to say something longer; see xtask/ and scripts/ for what happens.

.DEFAULT_GOAL := help
.PHONY: help run dev cluster site test torture torture-proof lint fmt weight bench bench-flood bench-names clean

# The programs built are looked for in target/, wherever else cargo is told to build.
unexport CARGO_TARGET_DIR

xtask := cargo run -q -p xtask --
# The settings in .env, where there is one, for servers started from here.
settings := set -a; [ ! -f .env ] || . ./.env; set +a

help: ## what there is (this list)
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: ## build and serve on http://localhost:3000
	@echo "1/4 Checking tools"
	@scripts/setup run
	@echo "2/4 Building the server (the first time takes some minutes)"
	@cargo build -p server
	@echo "3/4 Building the site (the same)"
	@cargo build -p xtask
	@$(xtask) site
	@echo "4/4 Serving on http://localhost:3000 unless set otherwise; Ctrl-C ends it"
	@$(settings); exec target/debug/voxpop serve

dev: ## the same, quicker to build, and again after every save
	@scripts/setup run
	@cargo build -p xtask
	@$(settings); exec target/debug/xtask watch

cluster: ## two nodes on MariaDB and Redis, behind a proxy on http://localhost:3000
	@scripts/setup cluster
	@echo "Building (the first time takes some minutes)"
	@cargo build -p server
	@cargo build -p xtask
	@$(xtask) site
	@exec target/debug/xtask cluster

site: ## build what browsers download, into target/site
	@scripts/setup run
	@$(xtask) site

test: ## every check there is, as CI runs them
	@scripts/test

torture: ## a million ballots and 200 faults: none lost, none doubled (SEED=... repeats one)
	@scripts/setup cluster
	@cargo build -p torture
	@cargo build -p server --features faults
	@cp target/debug/voxpop target/voxpop-faults
	@target/debug/torture --binary target/voxpop-faults --aborts $(if $(SEED),--seed $(SEED))

torture-proof: ## take safeguards out, one after another, and see that the torture notices
	@scripts/setup cluster
	@cargo build -p torture
	@cargo build -p server --features faults
	@cp target/debug/voxpop target/voxpop-faults
	@torture/proof target/voxpop-faults

lint: ## format check and clippy, native and WASM
	@scripts/lint

fmt: ## format the code
	@cargo fmt --all

weight: site ## what pages weigh on the wire (URL=... for any page)
	@$(if $(URL),,cargo build -p server)
	@$(xtask) weight $(URL)

bench: ## compare with a naive peer under the same load, optimised
	@scripts/setup cluster
	@cargo build --release -p server -p bench
	@target/release/bench target/release/voxpop

bench-flood: ## what a flood of sign-ins does to votes, optimised
	@scripts/setup run
	@cargo build --release -p server -p bench
	@target/release/bench flood target/release/voxpop

bench-names: ## whether the time of an answer tells if there is an account, optimised
	@scripts/setup run
	@cargo build --release -p server -p bench
	@target/release/bench names target/release/voxpop

clean: ## remove all that was built, keep data/
	@cargo clean -q
	@rm -rf end2end/node_modules end2end/test-results
