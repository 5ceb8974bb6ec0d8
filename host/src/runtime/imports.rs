//! Checks a component's imports against the capabilities that the host offers.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::capabilities::OFFERED;
use super::text;
use super::versions::{is_version_of, split_version};

/// Imports that a component may have.
const IMPORTS_MAX: usize = 500;

/// Checks every import by name, and returns them.
///
/// # Errors
/// The message names all imports that the host does not offer, and those of which only the version
/// differs.
pub(super) fn check_imports(component: &Component, engine: &Engine) -> Result<Vec<String>, String> {
    let ty = component.component_type();
    let count = ty.imports(engine).len();
    if count > IMPORTS_MAX {
        return Err(format!("it has {count} imports, at most {IMPORTS_MAX}"));
    }
    let imports: Vec<String> =
        ty.imports(engine).map(|(name, _)| text::truncate_name(name).into_owned()).collect();
    let asked = ty.imports(engine).filter(|(name, item)| is_own(name) || !is_types_only(&item.ty, engine));
    let unknown: Vec<String> = asked.filter_map(|(name, _)| explain_refusal(name)).collect();
    if unknown.is_empty() {
        return Ok(imports);
    }
    Err(format!("asks for {}", text::join_names(unknown.iter().map(String::as_str), "; and for ")))
}

/// Checks that a component imports nothing: a verifier's answer depends on its arguments alone.
///
/// # Errors
/// The message names the imports.
pub(super) fn refuse_imports(component: &Component, engine: &Engine) -> Result<(), String> {
    let ty = component.component_type();
    let names: Vec<_> = ty.imports(engine).map(|(name, _)| text::truncate_name(name).into_owned()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names = text::join_names(names.iter().map(String::as_str), ", ");
    Err(format!("asks for {names}; a verifier imports nothing"))
}

/// The host knows each version of its own package, even where an interface has types only.
fn is_own(import: &str) -> bool {
    import.starts_with("hookyard:")
}

/// An interface without functions needs nothing of the host: a provider's types that several handlers share.
fn is_types_only(item: &ComponentItem, engine: &Engine) -> bool {
    let ComponentItem::ComponentInstance(instance) = item else { return false };
    instance.exports(engine).all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
}

fn explain_refusal(import: &str) -> Option<String> {
    let (interface, version) = split_version(import).unwrap_or((import, ""));
    let offered = OFFERED.iter().find(|(name, _)| match name.strip_suffix('/') {
        Some(package) => interface.split('/').next() == Some(package),
        None => interface == *name,
    });
    match offered {
        Some((_, versions)) if versions.iter().any(|known| is_version_of(known, version)) => None,
        Some((_, versions)) => {
            let import = text::truncate_name(import);
            Some(format!("{import}, of which this host knows version {}", versions.join(" and ")))
        }
        None => Some(format!("{}, which this host does not offer", text::truncate_name(import))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_unknown_imports_and_versions_by_name() {
        for (import, refused) in [
            ("wasi:logging/logging@0.1.0-draft", None),
            ("wasi:logging/logging", None),
            ("wasi:clocks/wall-clock@0.2.6", None),
            ("hookyard:plugin/types@0.1.0", None),
            ("evil:thing/x@1.0.0", Some("does not offer")),
            ("plain", Some("does not offer")),
            ("wasi:http/outgoing-handler@0.2.0", None),
            ("wasi:http/incoming-handler@0.2.0", Some("does not offer")),
            ("hookyard:plugin/types@0.2.0", Some("knows version 0.1")),
            ("wasi:io/streams@0.3.0", Some("knows version 0.2")),
            ("wasi:io/streams@0.20.0", Some("knows version 0.2")),
        ] {
            match (explain_refusal(import), refused) {
                (None, None) => {}
                (Some(message), Some(part)) => {
                    assert!(message.contains(part) && message.contains(import), "{message}");
                }
                (got, _) => panic!("{import}: {got:?}"),
            }
        }
    }
}
