//! Plugins for tests: built from source by `make plugins` and `scripts/test`, or written as text.

use std::path::{Path, PathBuf};

/// One of the example plugins.
pub(crate) fn example(name: &str) -> Vec<u8> {
    built("plugins", name)
}

/// One of the example verifiers.
pub(crate) fn example_verifier(name: &str) -> Vec<u8> {
    built("verifiers", name)
}

/// One of the guests in `tests/guests`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    built("guests", name)
}

/// One of the plugins in `plugins/other-languages`.
pub(crate) fn other_language(name: &str) -> Vec<u8> {
    built("other-languages", name)
}

/// Whether a plugin in `plugins/other-languages` was built: without CI, one whose compiler is missing is not.
pub(crate) fn is_other_language_built(name: &str) -> bool {
    path("other-languages", name).is_file()
}

fn path(dir: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/{dir}/{name}.wasm"))
}

fn built(dir: &str, name: &str) -> Vec<u8> {
    let path = path(dir, name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; `make test` builds it", path.display()))
}

/// A component or a module in WebAssembly's text format.
pub(crate) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The same component with another digest: a custom section at its end
/// (component-model/design/mvp/Binary.md).
pub(crate) fn distinct_copy(component: &[u8], mark: usize) -> Vec<u8> {
    let mark = format!("\u{4}mark{mark:08}");
    let length = u8::try_from(mark.len()).unwrap();
    [component, &[0, length], mark.as_bytes()].concat()
}
