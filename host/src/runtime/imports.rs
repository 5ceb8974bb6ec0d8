//! What a component asks for, against what the host offers.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::capabilities::OFFERED;
use super::text;

/// Imports that a component may have.
const IMPORTS_MAX: usize = 500;

/// Checks every import by name, and returns them.
///
/// # Errors
/// Names all imports that the host does not offer, and why where it is only the version.
pub(super) fn check(component: &Component, engine: &Engine) -> Result<Vec<String>, String> {
    let ty = component.component_type();
    let count = ty.imports(engine).len();
    if count > IMPORTS_MAX {
        return Err(format!("it has {count} imports, at most {IMPORTS_MAX}"));
    }
    let imports: Vec<String> = ty.imports(engine).map(|(name, _)| text::name(name).into_owned()).collect();
    let asked = ty.imports(engine).filter(|(name, item)| is_own(name) || !is_types_only(&item.ty, engine));
    let unknown: Vec<String> = asked.filter_map(|(name, _)| refuse(name)).collect();
    if unknown.is_empty() {
        return Ok(imports);
    }
    Err(format!("asks for {}", text::list(unknown.iter().map(String::as_str), "; and for ")))
}

/// Of its own package the host knows each version, and so the types in it.
fn is_own(import: &str) -> bool {
    import.starts_with("hookyard:")
}

/// An interface without functions asks for nothing: a provider's types that several handlers share.
fn is_types_only(item: &ComponentItem, engine: &Engine) -> bool {
    let ComponentItem::ComponentInstance(instance) = item else { return false };
    instance.exports(engine).all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
}

fn refuse(import: &str) -> Option<String> {
    let (interface, version) = split_version(import).unwrap_or((import, ""));
    let offered = OFFERED.iter().find(|(name, _)| match name.strip_suffix('/') {
        Some(package) => interface.split('/').next() == Some(package),
        None => interface == *name,
    });
    match offered {
        Some((_, versions)) if versions.iter().any(|known| fits(known, version)) => None,
        Some((_, versions)) => {
            let import = text::name(import);
            Some(format!("{import}, of which this host knows version {}", versions.join(" and ")))
        }
        None => Some(format!("{}, which this host does not offer", text::name(import))),
    }
}

/// `0.2` takes any `0.2.x`; a full version takes itself.
fn fits(known: &str, version: &str) -> bool {
    known == version
        || (known.matches('.').count() == 1
            && version.strip_prefix(known).is_some_and(|rest| rest.starts_with('.')))
}

/// Refuses versions of hookyard's own package that this host does not know.
pub(super) fn check_own_version(export: &str, version: &str) -> Result<(), String> {
    const KNOWN: &str = "0.1";
    if fits(KNOWN, version) {
        return Ok(());
    }
    Err(format!("exports {export}; of hookyard:plugin this host knows version {KNOWN}"))
}

/// `ns:package/interface@1.0.0` into the name and the version; `None` for a plain name.
pub(super) fn split_version(name: &str) -> Option<(&str, &str)> {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    (interface.contains(':') && interface.contains('/')).then_some((interface, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_refused_by_name_and_version() {
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
            match (refuse(import), refused) {
                (None, None) => {}
                (Some(message), Some(part)) => {
                    assert!(message.contains(part) && message.contains(import), "{message}");
                }
                (got, _) => panic!("{import}: {got:?}"),
            }
        }
    }
}
