//! Interface names with versions, as in components' imports and exports:
//! `namespace:package/interface@1.0.0`.

/// The versions of its own package, `hookyard:plugin`, that this host knows.
const OWN_VERSION: &str = "0.1";

/// Splits a name into the interface and its version, which may be empty. `None` for a plain name.
pub(super) fn split_version(name: &str) -> Option<(&str, &str)> {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    (interface.contains(':') && interface.contains('/')).then_some((interface, version))
}

/// An interface's name without its version.
#[must_use]
pub fn interface_of(export: &str) -> &str {
    split_version(export).map_or(export, |(interface, _)| interface)
}

/// Whether `known` covers a version: `0.2` covers each `0.2.x`, a full version only itself.
pub(super) fn is_version_of(known: &str, version: &str) -> bool {
    known == version
        || (known.matches('.').count() == 1
            && version.strip_prefix(known).is_some_and(|rest| rest.starts_with('.')))
}

/// Checks that this host knows the version of an exported interface of its own package.
///
/// # Errors
/// The message names the export and the version that this host knows.
pub(super) fn check_own_version(export: &str, version: &str) -> Result<(), String> {
    if is_version_of(OWN_VERSION, version) {
        return Ok(());
    }
    Err(format!("exports {export}; of hookyard:plugin this host knows version {OWN_VERSION}"))
}
