//! Verifiers: they prove who sent a request, where no scheme of the host can.
//!
//! ```
//! use hookyard_plugin::verifier::{Request, Verified, header, is_equal};
//! use hookyard_plugin::export_verifier;
//!
//! fn verify(request: Request, secrets: Vec<String>, now_ms: u64) -> Result<Verified, String> {
//!     let token = header(&request, "x-token")?.ok_or("x-token is missing")?;
//!     let matches = |secret: &String| is_equal(secret.as_bytes(), token);
//!     let secret = secrets.iter().position(matches).ok_or("x-token is none of the secrets")?;
//!     Ok(Verified { secret: secret as u32, id: None, event_type: None, created: None, payload: None })
//! }
//!
//! export_verifier!(verify);
//! ```

pub use crate::bindings::verifier::exports::hookyard::verifier::verify::{Header, Request, Verified};

/// The only value of a header, whose name is given in lower case; `None` if it is missing.
///
/// # Errors
/// When it is given more than once: a proxy may take another one than this verifier.
pub fn header<'a>(request: &'a Request, name: &str) -> Result<Option<&'a [u8]>, String> {
    let mut values = request.headers.iter().filter(|header| header.name == name);
    let value = values.next();
    match values.next() {
        Some(_) => Err(format!("{name} is given more than once")),
        None => Ok(value.map(|header| header.value.as_slice())),
    }
}

/// Compares two byte strings in a time that tells nothing of where they differ.
#[must_use]
pub fn is_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let differences = one.iter().zip(other).fold(0, |found, (a, b)| core::hint::black_box(found | (a ^ b)));
    differences == 0
}

/// Exports a function as the verifier. Natively, the macro only checks its type, so that `cargo test` can call it.
#[macro_export]
macro_rules! export_verifier {
    ($verify:path) => {
        const _: fn(
            $crate::verifier::Request,
            ::std::vec::Vec<::std::string::String>,
            u64,
        ) -> ::core::result::Result<$crate::verifier::Verified, ::std::string::String> = $verify;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::verifier as bindings;
            struct Exported;
            impl bindings::exports::hookyard::verifier::verify::Guest for Exported {
                fn verify(
                    request: $crate::verifier::Request,
                    secrets: ::std::vec::Vec<::std::string::String>,
                    now_ms: u64,
                ) -> ::core::result::Result<$crate::verifier::Verified, ::std::string::String> {
                    $verify(request, secrets, now_ms)
                }
            }
    bindings::export_verifier_world!(Exported with_types_in bindings);
        };
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn reads_a_header_that_is_given_once() {
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        let headers = vec![header("a", "1"), header("b", "2"), header("b", "3")];
        let request = Request { method: "POST".into(), url: "/".into(), headers, body: Vec::new() };
        assert_eq!(super::header(&request, "a"), Ok(Some(&b"1"[..])));
        assert_eq!(super::header(&request, "c"), Ok(None));
        assert!(super::header(&request, "b").unwrap_err().contains("more than once"));
    }

    #[test]
    fn compares_all_bytes() {
        for (one, other, expected) in
            [("", "", true), ("a", "a", true), ("a", "b", false), ("ab", "a", false), ("ab", "ac", false)]
        {
            assert_eq!(is_equal(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }
}
