# Thin calls; what they do is in scripts/ and in Cargo.toml. None names a package: features are united
# over the packages that are built, and another set of packages would build wasmtime a second time.
.PHONY: run test bench lint plugins clean
export CARGO_TERM_COLOR ?= auto

# Builds everything, starts the host on an embedded database and stand-ins for the plugins' partners, plays
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

# Every example plugin to target/plugins/NAME.wasm.
plugins:
	@scripts/build-plugins

clean:
	rm -rf target plugins/target hookyard-data
