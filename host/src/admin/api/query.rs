//! The common parts of lists' queries: page sizes, cursors and states, checked.

use serde::de::IntoDeserializer as _;

use crate::admin::Problem;

/// Items on a page without a `limit`.
const LIMIT_DEFAULT: u32 = 50;
/// Most items on a page.
const LIMIT_MAX: u32 = 500;

/// Items on a page, from the query's `limit`.
pub(super) fn limit(given: Option<u32>) -> Result<u32, Problem> {
    let limit = given.unwrap_or(LIMIT_DEFAULT);
    let ok = (1..=LIMIT_MAX).contains(&limit);
    ok.then_some(limit)
        .ok_or_else(|| Problem::bad_request(format!("`limit` is {limit}; give 1 to {LIMIT_MAX}")))
}

/// The start of a page, from the query's `cursor`.
pub(super) fn cursor<T>(
    given: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let wrong = || Problem::bad_request("`cursor` is not one: take `next_cursor` of the page before");
    given.map(|text| parse(text).ok_or_else(wrong)).transpose()
}

/// A state, from the query's `state`: one of the words of its type.
pub(super) fn state<'a, T: serde::Deserialize<'a>>(given: Option<&'a str>) -> Result<Option<T>, Problem> {
    given.map(parse_state).transpose()
}

fn parse_state<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    let word: serde::de::value::StrDeserializer<'a, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(word).map_err(|error| {
        // serde lists the valid words, but calls a word a variant, as Rust does.
        let error = error.to_string().replace("unknown variant", "unknown state");
        Problem::bad_request(format!("`state`: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::EventState;

    #[test]
    fn a_limit_out_of_range_is_a_problem() {
        assert_eq!(limit(None).unwrap(), LIMIT_DEFAULT);
        assert_eq!(limit(Some(LIMIT_MAX)).unwrap(), LIMIT_MAX);
        for wrong in [0, LIMIT_MAX + 1] {
            assert_eq!(limit(Some(wrong)).unwrap_err().status, 400);
        }
    }

    #[test]
    fn a_cursor_that_does_not_parse_is_a_problem() {
        let parse = |text: &str| text.parse::<u8>().ok();
        assert_eq!(cursor(None, parse).unwrap(), None);
        assert_eq!(cursor(Some("12"), parse).unwrap(), Some(12));
        assert_eq!(cursor(Some("next"), parse).unwrap_err().status, 400);
    }

    #[test]
    fn an_unknown_state_is_a_problem_that_names_the_known_ones() {
        assert_eq!(state(Some("unhandled")).unwrap(), Some(EventState::Unhandled));
        let problem = state::<EventState>(Some("lost")).unwrap_err();
        assert!(problem.detail.contains("`lost`") && problem.detail.contains("`dead`"), "{problem:?}");
    }
}
