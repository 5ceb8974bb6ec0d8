//! Keeps the core module with its component types, as a plain linker leaves it. The host makes the component.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--skip-wit-component");
}
