//! Names that generated code cannot have.

/// Names that a language's tools keep for themselves: Rust's keywords and crates, Python's and npm's
/// modules, and the SDKs'.
pub const RESERVED: [&str; 62] = [
    "abstract",
    "alloc",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "become",
    "box",
    "break",
    "class",
    "const",
    "continue",
    "core",
    "crate",
    "def",
    "dist",
    "do",
    "dyn",
    "else",
    "enum",
    "export",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "hookyard",
    "hookyard-plugin",
    "if",
    "impl",
    "import",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "none",
    "override",
    "plugin",
    "priv",
    "proc-macro",
    "pub",
    "pytest",
    "ref",
    "return",
    "sdk",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tests",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
];

/// Further names of modules that a package cannot have: Go's keywords, modules of Python and of the SDKs that plugins
/// import, the prefix of the SDK for C, and the plugin's own files.
const MODULES: [&str; 35] = [
    "attempt",
    "case",
    "chan",
    "config",
    "dataclasses",
    "datetime",
    "decimal",
    "default",
    "defer",
    "email",
    "enum",
    "events",
    "fallthrough",
    "func",
    "go",
    "goto",
    "http",
    "hy",
    "interface",
    "json",
    "lib",
    "log",
    "logging",
    "main",
    "map",
    "outbox",
    "package",
    "range",
    "select",
    "store",
    "switch",
    "time",
    "types",
    "typing",
    "var",
];

/// Names of types that mean something else in a generated module. C has types such as `size_t`.
const TYPES: [&str; 9] = ["case", "context", "failure", "list", "option", "result", "string", "t", "vec"];

/// Whether a package's module cannot have this name in one of the languages.
pub(super) fn is_reserved_module(name: &str) -> bool {
    RESERVED.contains(&name) || MODULES.contains(&name)
}

/// Whether a type cannot have this name.
pub(super) fn is_reserved_type(name: &str) -> bool {
    TYPES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(RESERVED.is_sorted() && MODULES.is_sorted() && TYPES.is_sorted());
    }
}
