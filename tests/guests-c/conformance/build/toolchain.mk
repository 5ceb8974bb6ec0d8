WASM_CC := clang-19 --target=wasm32-unknown-unknown
WASM_LD := /root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld/wasm-ld
