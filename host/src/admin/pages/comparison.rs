//! Two JSON values side by side, member by member.

use serde_json::Value;

/// Rows that are shown of two values.
const ROWS_MAX: usize = 400;
/// The longest list of plain values that is one row.
const INLINE_MAX_BYTES: usize = 200;

/// A member on both sides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its names, with points between them. Empty for a value that has no members.
    pub(super) name: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Row {
    /// Whether it is the same on both sides.
    pub(super) fn is_same(&self) -> bool {
        self.before == self.after
    }

    /// What became of it: `+` came, `−` went, `≠` changed.
    pub(super) fn sign(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, Some(_)) => "+",
            (Some(_), None) => "−",
            _ if self.is_same() => "",
            _ => "≠",
        }
    }
}

/// The members of two values, those of the first one in its order, then others of the second.
pub(super) fn compare(before: Option<&Value>, after: Option<&Value>) -> Vec<Row> {
    let flat = |value: Option<&Value>| {
        let mut members = Vec::new();
        if let Some(value) = value {
            flatten(value, String::new(), &mut members);
        }
        members
    };
    let (before, mut after) = (flat(before), flat(after));
    let mut rows = Vec::new();
    for (name, value) in before {
        let at = after.iter().position(|(other, _)| *other == name);
        let other = at.map(|at| after.remove(at).1);
        rows.push(Row { name, before: Some(value), after: other });
    }
    rows.extend(after.into_iter().map(|(name, value)| Row { name, before: None, after: Some(value) }));
    rows
}

fn flatten(value: &Value, name: String, members: &mut Vec<(String, String)>) {
    if members.len() >= ROWS_MAX {
        return;
    }
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(part, value)| flatten(value, below(part), members));
        }
        Value::Array(items) if !is_inline(value) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(item, below(&at.to_string()), members));
        }
        _ => members.push((name, value.to_string())),
    }
}

/// Whether a list is short and has plain values only.
fn is_inline(value: &Value) -> bool {
    let Value::Array(items) = value else { return true };
    items.iter().all(|item| !item.is_object() && !item.is_array())
        && value.to_string().len() <= INLINE_MAX_BYTES
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_stand_beside_each_other() {
        let before = json!({ "a": 1, "of": { "x": "y" }, "gone": null, "list": [1, 2] });
        let after = json!({ "a": 2, "of": { "x": "y" }, "list": [1, 2], "new": [{ "z": true }] });
        let rows = compare(Some(&before), Some(&after));
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.sign(), row.name.as_str(), row.before.as_deref(), row.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("≠", "a", Some("1"), Some("2")),
                ("−", "gone", Some("null"), None),
                ("", "list", Some("[1,2]"), Some("[1,2]")),
                ("", "of.x", Some("\"y\""), Some("\"y\"")),
                ("+", "new.0.z", None, Some("true")),
            ]
        );
    }

    #[test]
    fn one_side_and_plain_values_are_shown_too() {
        let plain = json!("text");
        assert_eq!(compare(None, Some(&plain))[0].after.as_deref(), Some("\"text\""));
        assert_eq!(compare(None, None), []);
        let many = json!((0..1000).map(|n| json!({ "n": n })).collect::<Vec<_>>());
        assert_eq!(compare(Some(&many), None).len(), ROWS_MAX);
    }
}
