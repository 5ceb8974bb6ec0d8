//! Reads which handlers a file exports. The types of a component are known without compiling it.

use serde::{Deserialize, Serialize};
use wit_component::DecodedWasm;
use wit_parser::{Interface, WorldItem, WorldKey};

use super::code::as_component;
use crate::runtime::handlers::EVENT_HANDLER;
use crate::runtime::text::{self, NAME_MAX_BYTES};
use crate::runtime::versions::split_version;

/// Most typed handlers that are read of a file.
const INTERFACES_MAX: usize = 1000;

/// The handlers that a file exports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HandlerExports {
    /// Interfaces of typed handlers, with versions.
    pub interfaces: Vec<String>,
    /// Whether there is a generic handler. Only a run returns its subscriptions.
    pub has_generic: bool,
}

/// Reads the handlers of a component, or of a core module with component types. Whether they fit is checked when the
/// file is loaded.
///
/// # Errors
/// Says why the file cannot be read.
pub(super) fn read(bytes: &[u8]) -> Result<HandlerExports, String> {
    let component = as_component(bytes)?;
    let decoded = wit_component::decode(&component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = &decoded else {
        return Err("it is a WIT package, not a component".into());
    };
    let mut exports = HandlerExports::default();
    for (key, item) in &resolve.worlds[*world].exports {
        let (WorldKey::Interface(_), WorldItem::Interface { id, .. }) = (key, item) else { continue };
        let name = resolve.name_world_key(key);
        exports.add(name, &resolve.interfaces[*id]);
    }
    exports.check()?;
    Ok(exports)
}

impl HandlerExports {
    /// Checks the lengths of texts from a file, or from the child process that read it.
    pub(super) fn check(&self) -> Result<(), String> {
        let count = self.interfaces.len();
        if count > INTERFACES_MAX {
            return Err(format!("it exports {count} handlers, at most {INTERFACES_MAX}"));
        }
        let is_name =
            |name: &String| name.len() <= NAME_MAX_BYTES && name.chars().all(|c| c.is_ascii_graphic());
        match self.interfaces.iter().find(|name| !is_name(name)) {
            None => Ok(()),
            Some(name) => Err(format!(
                "the name of an export is longer than {NAME_MAX_BYTES} bytes, or no name: {}",
                text::truncate(name, NAME_MAX_BYTES).escape_debug()
            )),
        }
    }

    fn add(&mut self, export: String, interface: &Interface) {
        let Some((name, _)) = split_version(&export) else { return };
        if name == EVENT_HANDLER {
            self.has_generic = true;
        } else if !name.starts_with("wasi:")
            && !name.starts_with("hookyard:")
            && interface.functions.contains_key("handle")
        {
            self.interfaces.push(export);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, functions: &[&str]) -> String {
        let exports: Vec<_> = functions.iter().map(|f| format!("(export \"{f}\" (func $f))")).collect();
        format!(
            "(instance $i (export \"f\" (func $f)) {})\n(export \"{name}\" (instance $i))",
            exports.concat()
        )
        .replace("$i", &format!("${}", name.len()))
    }

    fn component(interfaces: &[String]) -> Vec<u8> {
        let core = "(core module $m (func (export \"f\"))) (core instance $m (instantiate $m))";
        let func = "(func $f (canon lift (core func $m \"f\")))";
        wat::parse_str(format!("(component {core} {func} {})", interfaces.concat())).unwrap()
    }

    #[test]
    fn reads_handlers_and_no_other_exports() {
        let exports = read(&component(&[
            interface("a:b/created@1.0.0", &["handle"]),
            interface("a:b/without-handle@1.0.0", &["run"]),
            interface("hookyard:plugin/event-handler@0.1.0", &["handle", "subscriptions"]),
            interface("wasi:http/incoming-handler@0.2.0", &["handle"]),
            interface("c:d/updated", &["handle"]),
        ]));
        let interfaces = vec!["a:b/created@1.0.0".to_owned(), "c:d/updated".to_owned()];
        assert_eq!(exports, Ok(HandlerExports { interfaces, has_generic: true }));
        let none = read(&component(&[interface("a:b/created@1.0.0", &["run"])]));
        assert_eq!(none, Ok(HandlerExports::default()));
    }

    #[test]
    fn more_or_longer_names_than_a_host_keeps_are_an_error() {
        let exports = |interfaces| HandlerExports { interfaces, has_generic: false };
        let long = |bytes: usize| vec!["a".repeat(bytes)];
        let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        for (interfaces, is_fine) in [
            (long(NAME_MAX_BYTES), true),
            (long(NAME_MAX_BYTES + 1), false),
            (vec!["a\u{1b}".into()], false),
            (many(INTERFACES_MAX), true),
            (many(INTERFACES_MAX + 1), false),
        ] {
            assert_eq!(exports(interfaces).check().is_ok(), is_fine);
        }
    }

    #[test]
    fn a_file_that_is_no_component_is_an_error() {
        for bytes in [&b""[..], b"x", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\x07\xff"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
