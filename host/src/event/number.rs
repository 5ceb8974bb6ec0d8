//! Numbers in texts from outside: those of rows, in cursors and parts of ids, and those of people, such as of phones.

/// The form of a number in a text, which [`parse_number`] reads, as a regular expression.
pub const NUMBER_PATTERN: &str = "^[1-9][0-9]{0,17}$";

/// Reads a number of 1 to 18 digits, without a sign or zeros before it, so that each number has one text.
#[must_use]
pub fn parse_number(text: &str) -> Option<i64> {
    let is_number = matches!(text.len(), 1..=18) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number && !text.starts_with('0'))
}

/// The digits of a text of digits and the separators of phone numbers and dates; `None` for other texts.
#[must_use]
pub fn parse_digits(text: &str) -> Option<String> {
    let is_separator = |c: char| matches!(c, ' ' | '+' | '-' | '.' | '/' | '(' | ')');
    if !text.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_text() {
        for (text, number) in [("1", 1), ("120", 120), (&"9".repeat(18), 10_i64.pow(18) - 1)] {
            assert_eq!(parse_number(text), Some(number));
        }
        for wrong in ["", "0", "01", "+1", "-1", " 1", "1 ", "1\n", "x", "١", &"1".repeat(19)] {
            assert_eq!(parse_number(wrong), None, "{wrong:?}");
        }
    }
}
