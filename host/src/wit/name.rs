//! Names of interfaces as WIT text.

use wit_parser::validate_id;

use super::error::PackageError;

/// An interface's name, such as `acme:events/order-paid@1.0.0`, as WIT text: `%acme:%events/%order-paid@1.0.0`, for its
/// words may be WIT's keywords.
///
/// # Errors
/// When it is not the name of an interface, so that nothing else becomes WIT text.
pub(super) fn escape(interface: &str) -> Result<String, PackageError> {
    let wrong = "it is not the name of an interface, such as `acme:events/order-paid@1.0.0`";
    parse(interface).ok_or_else(|| PackageError::new(interface.escape_debug(), wrong))
}

fn parse(interface: &str) -> Option<String> {
    let (path, version) = match interface.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (interface, None),
    };
    let (namespace, rest) = path.split_once(':')?;
    let (package, name) = rest.split_once('/')?;
    let is_version_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let has_names = [namespace, package, name].into_iter().all(|id| validate_id(id).is_ok());
    if !has_names
        || version.is_some_and(|version| version.is_empty() || !version.chars().all(is_version_char))
    {
        return None;
    }
    let version = version.map(|version| format!("@{version}")).unwrap_or_default();
    Some(format!("%{namespace}:%{package}/%{name}{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_an_interface_becomes_wit_text() {
        for (interface, text) in [
            ("acme:events/order-paid@1.0.0", "%acme:%events/%order-paid@1.0.0"),
            ("use:type/interface@1.0.0-rc.1+b2", "%use:%type/%interface@1.0.0-rc.1+b2"),
            ("a:b/c", "%a:%b/%c"),
        ] {
            assert_eq!(escape(interface).as_deref(), Ok(text));
        }
        for interface in [
            "",
            "handle",
            "a:b",
            "a/b:c",
            "a:b/c/d",
            "a:b/c@",
            "a:b/c@1.0.0; import x",
            "a:b/c; import d:e/f",
            "a:b/c\n",
            "%a:b/c",
            "a:b/C d",
        ] {
            assert!(escape(interface).is_err(), "{interface:?}");
        }
    }
}
