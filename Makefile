# The targets call scripts/ and cargo. None names a package: cargo unites features over the built packages, and another
# set of packages would build wasmtime a second time.
.PHONY: run test bench lint plugins docs generate config-reference clean
export CARGO_TERM_COLOR ?= auto

# Builds everything, starts the host with an embedded database and stand-ins for the plugins' partners, plays
# the five sample events, and keeps serving and rebuilding plugins. `make run ONCE=1` stops after the samples.
run:
	@scripts/run $(if $(ONCE),--once)

# Unit tests, plugins' tests, end-to-end tests against the real binary.
test: plugins
	scripts/test

# Prints benchmarks; see tests/bench/README.md. `make bench FIGURE=attempt` prints one.
bench: plugins
	@scripts/build-plugins tests/guests target/guests
	cargo bench --bench bench -- $(FIGURE)

# Formats, lints, checks dependencies.
lint:
	scripts/lint

# Every example plugin to target/plugins/NAME.wasm, and every example verifier to target/verifiers/NAME.wasm with its vectors.
plugins:
	@scripts/build-plugins
	@scripts/build-plugins verifiers target/verifiers

# Manual pages and shell completions, from the commands, to target/docs.
docs:
	@scripts/docs

# Writes the typed handlers that are generated from WIT packages, in the SDKs and the example plugins.
generate:
	@scripts/generate

# Writes host/config.default.toml from the keys in host/src/config/sections/ and source.rs.
config-reference:
	HOOKYARD_WRITE_REFERENCE=1 cargo test --workspace --lib -- config::tests::reference

clean:
	rm -rf target plugins/target hookyard-data
