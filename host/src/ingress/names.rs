//! Names that senders and verifiers give: ids and types of events. Pure.

/// Longest event id, in bytes.
pub(super) const ID_MAX_BYTES: usize = 256;

/// Why a text is no name; `None` if it is one. Names appear in logs, pages and commands: they are not empty, have a limit,
/// and no control characters.
pub(super) fn find_fault(text: &str, max_bytes: usize) -> Option<String> {
    if text.is_empty() {
        return Some("is empty".into());
    }
    if text.len() > max_bytes {
        return Some(format!("is longer than {max_bytes} bytes"));
    }
    text.chars().any(char::is_control).then(|| "has control characters".into())
}
