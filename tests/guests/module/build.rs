//! Leaves the core module with its component types inside, as a plain linker does: for the host to
//! make the component.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=--skip-wit-component");
}
