//! Names as senders spell them: `departmentId` for `department-id`.

/// A WIT name as the sender writes it.
pub(super) fn to_sent_name(wit: &str) -> String {
    sent_chars(wit).collect()
}

/// Whether a key is spelled as the sender spells this field.
pub(super) fn is_sent_name(key: &str, wit: &str) -> bool {
    key.chars().eq(sent_chars(wit))
}

fn sent_chars(wit: &str) -> impl Iterator<Item = char> {
    let mut is_start = false;
    wit.chars().filter_map(move |c| match c {
        '-' => {
            is_start = true;
            None
        }
        c if std::mem::take(&mut is_start) => Some(c.to_ascii_uppercase()),
        c => Some(c),
    })
}

/// A key as a part of a path.
pub(super) fn to_path_part(key: &str) -> String {
    const SHOWN_MAX_CHARS: usize = 64;
    match key.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!(".{}…", &key[..end]),
        None => format!(".{key}"),
    }
}
