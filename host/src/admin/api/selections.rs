//! Checks of the selections that change something: their texts are recorded in the audit log.

use crate::admin::Problem;
use crate::effect;
use crate::event::Name;
use crate::replay::Selection;

/// The longest text in a selection, in characters.
pub(super) const TEXT_MAX_CHARS: usize = 256;
/// Most keys in a request.
const KEYS_MAX: usize = 1000;
/// The longest key of an effect.
pub(super) const KEY_MAX_BYTES: usize = 64;
/// The form of an effect's key, as a regular expression.
pub(super) const KEY_PATTERN: &str = r"^[0-9a-fA-F]+\.[0-9a-fA-F]+$";
/// The form of the name of a source of received or emitted events, as a regular expression.
pub(super) const SOURCE_PATTERN: &str = r"^(plugin\.)?[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$";
/// The form of the first digits of a revision's digest, as a regular expression.
pub(super) const REVISION_PATTERN: &str = "^[0-9a-f]{4,64}$";

/// Checks a selection of events, deliveries or effects.
///
/// # Errors
/// A problem that names the member.
pub(super) fn check(selection: &Selection) -> Result<(), Problem> {
    let Selection { event_type, source, plugin, reason, failed_on, keys, .. } = selection;
    for (member, text) in [("type", event_type), ("reason", reason)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX_CHARS) {
            return Err(Problem::bad_request(format!(
                "`where.{member}` has more than {TEXT_MAX_CHARS} characters: give a part of it"
            )));
        }
    }
    let emitted = source.as_deref().and_then(|name| name.strip_prefix(effect::EMITTED_PREFIX));
    if emitted.is_none_or(|plugin| Name::new(plugin).is_err()) {
        check_name("where.source", source.as_deref())?;
    }
    check_digits("where.failed_on", failed_on.as_deref())?;
    check_keys("where.keys", keys.as_deref().unwrap_or_default())?;
    check_name("where.plugin", plugin.as_deref())
}

/// Checks the first digits of a revision's digest.
///
/// # Errors
/// A problem that names the member.
pub(super) fn check_digits(member: &str, digits: Option<&str>) -> Result<(), Problem> {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if digits.is_some_and(|digits| !(4..=64).contains(&digits.len()) || !digits.chars().all(is_digit)) {
        return Err(Problem::bad_request(format!(
            "`{member}` is not the beginning of a revision's digest: give 4 to 64 digits of 0-9 and a-f; \
             `hookyard plugin history NAME` shows them"
        )));
    }
    Ok(())
}

/// Checks a selection of effects.
///
/// # Errors
/// As [`check`].
pub(super) fn check_effects(selection: &effect::Selection) -> Result<(), Problem> {
    let effect::Selection { keys, plugin } = selection;
    check_keys("keys", keys.as_deref().unwrap_or_default())?;
    check_name("plugin", plugin.as_deref())
}

fn check_keys(member: &str, keys: &[String]) -> Result<(), Problem> {
    if keys.len() > KEYS_MAX {
        return Err(Problem::bad_request(format!("`{member}` names more than {KEYS_MAX} effects")));
    }
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_hexdigit());
    let is_key = |key: &str| {
        key.len() <= KEY_MAX_BYTES
            && key.split_once('.').is_some_and(|(delivery, number)| is_part(delivery) && is_part(number))
    };
    if let Some(place) = keys.iter().position(|key| !is_key(key)) {
        return Err(Problem::bad_request(format!(
            "`{member}[{place}]` is not the key of an effect; `hookyard effect list` shows them"
        )));
    }
    Ok(())
}

fn check_name(member: &str, name: Option<&str>) -> Result<(), Problem> {
    let Some(name) = name else { return Ok(()) };
    Name::new(name).map(drop).map_err(|_| Problem::bad_request(format!("`{member}` is not a name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_selection_are_names_or_short() {
        let with = |change: fn(&mut Selection)| {
            let mut selection = Selection::default();
            change(&mut selection);
            check(&selection).map_err(|problem| problem.detail)
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|s| s.reason = Some("x".repeat(TEXT_MAX_CHARS))), Ok(()));
        assert!(
            with(|s| s.reason = Some("x".repeat(TEXT_MAX_CHARS + 1))).unwrap_err().contains("where.reason")
        );
        assert!(with(|s| s.event_type = Some("x".repeat(300))).unwrap_err().contains("where.type"));
        assert_eq!(with(|s| s.source = Some(format!("plugin.{}", "x".repeat(64)))), Ok(()));
        assert!(with(|s| s.source = Some("Awa Diallo".into())).unwrap_err().contains("where.source"));
        assert!(with(|s| s.plugin = Some("+224 622".into())).unwrap_err().contains("where.plugin"));
    }

    #[test]
    fn keys_of_effects_have_their_form() {
        let with = |keys: Vec<String>| {
            let selection = effect::Selection { keys: Some(keys), plugin: None };
            check_effects(&selection).map_err(|problem| problem.detail)
        };
        let key = format!("{}.12", "0af9".repeat(8));
        assert_eq!(with(vec![key.clone(); KEYS_MAX]), Ok(()));
        assert!(with(vec![key.clone(); KEYS_MAX + 1]).unwrap_err().contains("more than"));
        for wrong in ["", "x", ".1", "af.", "af.1 ", "+224 622 00 00 01", &format!("{}.1", "a".repeat(64))] {
            assert!(with(vec![key.clone(), wrong.into()]).unwrap_err().contains("keys[1]"), "{wrong}");
        }
    }
}
