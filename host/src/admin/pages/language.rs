//! The languages of the pages, and how each writes numbers.

use axum::http::{HeaderMap, header};
use serde::Deserialize;

use super::cookies;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// French.
    #[serde(rename = "fr")]
    French,
}

/// The thin space before units and between groups of digits in French.
const NARROW_SPACE: char = '\u{202f}';

impl Language {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::French];

    /// Its tag (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Its name in itself.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::French => "Français",
        }
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim();
        let primary = tag.split('-').next().unwrap_or(tag);
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The reader's choice, or else the first of the browser's languages that the pages have, or else English.
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let chosen = cookies::read(headers, cookies::LANGUAGE).and_then(Self::of_tag);
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|accepted| accepted.to_str().ok());
        chosen.or_else(|| accepted.and_then(preferred)).unwrap_or(Self::English)
    }

    /// Whether a number takes the singular.
    pub(super) fn is_one(self, number: u64) -> bool {
        match self {
            Self::English => number == 1,
            Self::French => number <= 1,
        }
    }

    /// Writes a whole number with its groups of digits.
    pub(super) fn number(self, number: u64) -> String {
        let separator = match self {
            Self::English => ',',
            Self::French => NARROW_SPACE,
        };
        let digits = number.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// Writes a number with one digit after the point, unless that is 0.
    pub(super) fn decimal(self, number: f64) -> String {
        let text = format!("{number:.1}");
        let text = text.strip_suffix(".0").unwrap_or(&text);
        match self {
            Self::English => text.to_owned(),
            Self::French => text.replace('.', ","),
        }
    }

    /// A share in hundredths.
    pub(super) fn percent(self, hundredths: u64) -> String {
        match self {
            Self::English => format!("{hundredths}%"),
            Self::French => self.with_unit(&self.number(hundredths), "%"),
        }
    }

    /// A number with its unit.
    pub(super) fn with_unit(self, number: &str, unit: &str) -> String {
        match self {
            Self::English => format!("{number} {unit}"),
            Self::French => format!("{number}{NARROW_SPACE}{unit}"),
        }
    }
}

/// The language that `Accept-Language` prefers of those that the pages have.
fn preferred(accepted: &str) -> Option<Language> {
    let weighed = accepted.split(',').filter_map(|part| {
        let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.parse().ok())?;
        let language = Language::of_tag(tag)?;
        (weight > 0.0).then_some((language, weight))
    });
    // Of several with the same weight, the first is preferred.
    let best = weighed.reduce(|best: (Language, f32), next| if next.1 > best.1 { next } else { best });
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::Language::{English, French};
    use super::*;

    #[test]
    fn the_language_is_the_readers_choice_or_else_the_browsers() {
        for (cookie, accepted, language) in [
            (None, None, English),
            (None, Some("fr"), French),
            (None, Some("fr-GN,fr;q=0.9,en;q=0.8"), French),
            (None, Some("en;q=0.5, fr;q=0.9"), French),
            (None, Some("en, fr"), English),
            (None, Some("de, fr;q=0.1"), French),
            (None, Some("de"), English),
            (None, Some("fr;q=0"), English),
            (None, Some("fr;q=x"), English),
            (Some("en"), Some("fr"), English),
            (Some("fr"), Some("en"), French),
            (Some("xx"), Some("fr"), French),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(cookie) = cookie {
                headers.insert(header::COOKIE, format!("hookyard-language={cookie}").parse().unwrap());
            }
            if let Some(accepted) = accepted {
                headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
            }
            assert_eq!(Language::of_request(&headers), language, "{cookie:?} {accepted:?}");
        }
    }

    #[test]
    fn each_language_writes_numbers_its_own_way() {
        for (number, english, french) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1000, "1,000", "1\u{202f}000"),
            (1_234_567, "1,234,567", "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!((English.number(number), French.number(number)), (english.into(), french.into()));
        }
        assert_eq!((English.decimal(1.25), French.decimal(12.5)), ("1.2".into(), "12,5".into()));
        assert_eq!(English.decimal(3.0), "3");
        assert!(French.is_one(0) && !English.is_one(0));
    }
}
