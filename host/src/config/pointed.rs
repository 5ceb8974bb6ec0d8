//! Finds the values in a body to which pointers lead, by the rule for names that handlers follow.

use super::values::Pointer;
use crate::event::{FieldPaths, FoundField};

/// Finds the values at the pointers, however their names are written and as often as one is repeated, in the order of the
/// text. `*` in a pointer means every member and every item.
///
/// # Errors
/// When the text is no JSON.
pub fn find_values(text: &str, pointers: &[Pointer]) -> Result<Vec<FoundField>, serde_json::Error> {
    let names = |pointer: &Pointer| -> Vec<_> {
        pointer.tokens().map(|token| token.decoded().into_owned()).collect()
    };
    FieldPaths::new(pointers.iter().map(names)).find(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_within_another_however_their_names_are_written() {
        for (one, other, is_within) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a", true),
            ("/a", "/a/b", false),
            ("/a/b", "", true),
            ("/customer_phone", "/customerPhone", true),
            ("/customer-phone/x", "/CustomerPhone", true),
            ("/phones", "/phone", false),
            ("/list/1/a", "/list/*/a", true),
            ("/list/*/a", "/list/1", true),
            ("/list/1", "/list/2", false),
        ] {
            let (a, b) = (Pointer::parse(one).unwrap(), Pointer::parse(other).unwrap());
            assert_eq!(a.is_within(&b), is_within, "{one} {other}");
            assert_eq!(a.meets_any(std::slice::from_ref(&b)), is_within || b.is_within(&a), "{one} {other}");
        }
    }
}
