//! Finds the known name that a misspelt one probably means. Pure.

/// Most changed letters: more make another word.
const CHANGES_MAX: usize = 3;

/// The known name that differs from this one by a few letters only; of several the nearest.
#[must_use]
pub(super) fn find_similar<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let most = CHANGES_MAX.min(name.chars().count() / 3);
    let distances = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wrong_letters_find_the_name_and_another_word_does_not() {
        let known = ["appointment.created", "appointment.updated", "appointment.cancelled"];
        for (name, meant) in [
            ("appointment.creatd", Some("appointment.created")),
            ("appointement.updated", Some("appointment.updated")),
            ("appiontment.canceled", Some("appointment.cancelled")),
            ("appointment.moved", None),
            ("order.paid", None),
            ("", None),
        ] {
            assert_eq!(find_similar(name, known), meant, "{name}");
        }
        assert_eq!(find_similar("a:b", ["c:d"]), None, "short names are other names");
    }
}
