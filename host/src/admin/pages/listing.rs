//! What lists share: filters in the address, chips of those that are set, and the way to older and newer pages.

use askama::Template;
use askama::filters::HtmlSafe;
use serde::Deserialize;

use super::words::ListWords;

/// Rows on a page.
pub(super) const LIMIT: u32 = 50;
/// Earlier pages that "newer" finds its way back through.
const TRAIL_MAX: usize = 50;

/// The place in a list without filters, as the address has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    cursor: String,
    trail: String,
}

impl Place {
    /// The cursor of the page; none for the first.
    pub(super) fn cursor(&self) -> Option<String> {
        Some(self.cursor.clone()).filter(|cursor| !cursor.is_empty())
    }

    /// The cursor and the trail, for [`Pager::new`].
    pub(super) fn as_pair(&self) -> (&str, &str) {
        (&self.cursor, &self.trail)
    }
}

/// A filter that is set.
pub(super) struct Chip {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// The address without it.
    pub(super) without: String,
}

/// The filters that are set, each with the way to remove it.
#[derive(Template)]
#[template(path = "parts/chips.html")]
pub(super) struct Chips {
    pub(super) w: ListWords,
    pub(super) all: Vec<Chip>,
    /// The address without filters.
    pub(super) clear: &'static str,
}

// Templates escape what is in them.
impl HtmlSafe for Chips {}

/// A filter to choose.
pub(super) struct Choice {
    pub(super) field: &'static str,
    pub(super) name: &'static str,
    /// Values and their names.
    pub(super) options: Vec<(String, String)>,
    pub(super) value: String,
}

impl Choice {
    /// A filter with these options, and with the value that is set, even if it is none of them.
    pub(super) fn new(
        field: &'static str,
        name: &'static str,
        mut options: Vec<(String, String)>,
        value: &str,
    ) -> Self {
        if !value.is_empty() && !options.iter().any(|(known, _)| known == value) {
            options.push((value.to_owned(), value.to_owned()));
        }
        Self { field, name, options, value: value.to_owned() }
    }

    /// The name of the value that is set.
    pub(super) fn chosen(&self) -> &str {
        let chosen = self.options.iter().find(|(value, _)| *value == self.value);
        chosen.map_or(&self.value, |(_, name)| name)
    }
}

/// The links to the pages before and after this one.
#[derive(Template)]
#[template(path = "parts/pager.html")]
pub(super) struct Pager {
    w: ListWords,
    newer: Option<String>,
    older: Option<String>,
}

// Templates escape what is in them.
impl HtmlSafe for Pager {}

impl Pager {
    /// The links around a page that begins at `cursor` and ends at `next`. `trail` has the cursors of the pages before
    /// it, with commas between them. `address` makes the address of the list with these parameters.
    pub(super) fn new(
        w: ListWords,
        (cursor, trail): (&str, &str),
        next: Option<&str>,
        address: impl Fn(&[(&str, &str)]) -> String,
    ) -> Self {
        let mut trail: Vec<_> = trail.split(',').filter(|cursor| !cursor.is_empty()).collect();
        let older = next.map(|next| {
            // The first page has no cursor; a dash stands for it.
            let here = if cursor.is_empty() { "-" } else { cursor };
            let all: Vec<_> = trail.iter().copied().chain([here]).collect();
            let kept = all.get(all.len().saturating_sub(TRAIL_MAX)..).unwrap_or_default().join(",");
            address(&[("cursor", next), ("trail", &kept)])
        });
        let newer = (!cursor.is_empty()).then(|| {
            let before = trail.pop().filter(|cursor| *cursor != "-").unwrap_or_default();
            address(&[("cursor", before), ("trail", &trail.join(","))])
        });
        Self { w, newer, older }
    }

    /// Whether there are older rows.
    pub(super) fn has_older(&self) -> bool {
        self.older.is_some()
    }
}

/// An address with the parameters that have a value.
pub(super) fn address<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters.into_iter().filter(|(_, value)| !value.trim().is_empty()));
    let query = query.finish();
    if query.is_empty() { path.into() } else { format!("{path}?{query}") }
}

/// A span of time of a filter, in ms.
pub(super) fn span_ms(word: &str) -> Option<u64> {
    let hours = match word {
        "1h" => 1,
        "24h" => 24,
        "7d" => 7 * 24,
        "30d" => 30 * 24,
        _ => return None,
    };
    Some(hours * 3_600_000)
}

/// A text as a part of a path.
pub(super) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::pages::language::Language;

    fn links(cursor: &str, trail: &str, next: Option<&str>) -> (Option<String>, Option<String>) {
        let words = ListWords(Language::English);
        let pager = Pager::new(words, (cursor, trail), next, |more| address("/x", more.iter().copied()));
        (pager.newer, pager.older)
    }

    #[test]
    fn older_and_newer_pages_lead_to_each_other() {
        assert_eq!(links("", "", None), (None, None));
        assert_eq!(links("", "", Some("90")), (None, Some("/x?cursor=90&trail=-".into())));
        let second = links("90", "-", Some("40"));
        assert_eq!(second, (Some("/x".into()), Some("/x?cursor=40&trail=-%2C90".into())));
        assert_eq!(links("40", "-,90", None), (Some("/x?cursor=90&trail=-".into()), None));
    }

    #[test]
    fn a_trail_has_a_length() {
        let long = vec!["7"; 200].join(",");
        let (_, older) = links("9", &long, Some("8"));
        assert_eq!(older.unwrap().matches("%2C").count(), TRAIL_MAX - 1);
    }

    #[test]
    fn an_address_has_the_parameters_that_have_a_value() {
        assert_eq!(address("/x", [("a", ""), ("b", " ")]), "/x");
        assert_eq!(address("/x", [("a", "+224 62&="), ("b", "c")]), "/x?a=%2B224+62%26%3D&b=c");
    }

    #[test]
    fn a_choice_offers_what_the_address_has() {
        let choice = Choice::new("type", "Type", vec![("a".into(), "A".into())], "b");
        assert_eq!((choice.options.len(), choice.chosen()), (2, "b"));
        assert_eq!(Choice::new("type", "Type", vec![("a".into(), "A".into())], "a").chosen(), "A");
    }
}
