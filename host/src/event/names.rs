//! Names of fields. Senders write them in different ways, so case and the separators between words do not count.

/// A name without case and separators.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    name.chars().filter(|c| !is_separator(*c)).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether two names are the same: `departmentId`, `department_id`, `DEPARTMENT-ID`.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let mut one = one.bytes().filter(|byte| !is_separator(char::from(*byte)));
    let mut other = other.bytes().filter(|byte| !is_separator(char::from(*byte)));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
            _ => return false,
        }
    }
}

/// The index of an item of a list, as RFC 6901 writes it: digits without a sign and without zeros before them.
#[must_use]
pub fn parse_index(name: &str) -> Option<usize> {
    let is_index = name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    name.parse().ok().filter(|_| is_index)
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '_' | '.' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_one_form() {
        assert_eq!(["0", "1", "10"].map(parse_index), [Some(0), Some(1), Some(10)]);
        assert_eq!(
            ["", "00", "01", "+1", "-1", "1.0", "x", "99999999999999999999999"].map(parse_index),
            [None; 8]
        );
    }

    #[test]
    fn names_match_with_any_separator_between_words() {
        for (json, wit, same) in [
            ("departmentId", "department-id", true),
            ("qrCode", "qr-code", true),
            ("QRCode", "qr-code", true),
            ("department_id", "department-id", true),
            ("NO_SHOW", "no-show", true),
            ("id", "id", true),
            ("ids", "id", false),
            ("i", "id", false),
            ("", "id", false),
        ] {
            assert_eq!(is_same_name(json, wit), same, "{json} {wit}");
            assert_eq!(normalize_name(json) == normalize_name(wit), same, "{json} {wit}");
        }
    }
}
