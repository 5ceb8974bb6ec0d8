//! The chain of entries: the hash of each one is over that of the one before and its own content.
//!
//! The content is a JSON array without spaces: `[number,at,kind,actor,address,action,target,before,after,note,result]`,
//! in UTF-8. `number` and `at` are numbers, absent members are `null`, all others are strings; `before` and `after`
//! are their JSON texts, as strings. The hash is SHA-256 over the 32 bytes of the previous hash (32 zeros for the first
//! entry) and this text. The escapes in strings are the shortest that JSON has, as most libraries write them.

use sha2::{Digest as _, Sha256};

use super::{Actor, NOTE_MAX_CHARS, Record, TARGET_MAX_BYTES, cut, stored};
use crate::event::{Digest, parse_number};

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without a gap.
    pub number: i64,
    /// ms since the Unix epoch.
    pub at: u64,
    /// Who decided.
    pub actor: Actor,
    /// What, such as `plugin.pause`.
    pub action: String,
    /// On what.
    pub target: String,
    /// The state before, JSON.
    pub before: Option<String>,
    /// The state after, JSON.
    pub after: Option<String>,
    /// The actor's reason.
    pub note: Option<String>,
    /// The result.
    pub result: String,
    /// The hash of the previous entry and of this one's content.
    pub hash: Digest,
}

impl Entry {
    /// The entry of a record, after the newest one.
    #[must_use]
    pub fn seal(head: &Head, at: u64, record: &Record) -> Self {
        let decision = &record.decision;
        let mut entry = Self {
            number: head.number.saturating_add(1),
            at,
            actor: Actor {
                name: cut(&decision.actor.name, TARGET_MAX_BYTES).into(),
                ..decision.actor.clone()
            },
            action: record.action.into(),
            target: cut(&record.target, TARGET_MAX_BYTES).into(),
            before: record.before.as_ref().map(stored),
            after: record.stored_after(),
            note: decision.note.as_deref().map(|note| cut(note, 4 * NOTE_MAX_CHARS).into()),
            result: cut(&record.result, TARGET_MAX_BYTES).into(),
            hash: Digest([0; 32]),
        };
        entry.hash = entry.hash_after(&head.hash);
        entry
    }

    /// The head of a log that ends with this entry.
    #[must_use]
    pub fn as_head(&self) -> Head {
        Head { number: self.number, hash: self.hash }
    }

    /// The hash of this entry if the previous one has this hash.
    fn hash_after(&self, previous: &Digest) -> Digest {
        let Self { number, at, actor, action, target, before, after, note, result, hash: _ } = self;
        let content = serde_json::json!([
            number,
            at,
            actor.kind.as_str(),
            actor.name,
            actor.address,
            action,
            target,
            before,
            after,
            note,
            result
        ]);
        let mut hasher = Sha256::new();
        hasher.update(previous.0);
        hasher.update(content.to_string().as_bytes());
        Digest(hasher.finalize().into())
    }
}

/// The newest entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 for an empty log.
    pub number: i64,
    /// Its hash; zeros for an empty log.
    pub hash: Digest,
}

impl Default for Head {
    fn default() -> Self {
        Self { number: 0, hash: Digest([0; 32]) }
    }
}

/// The form of a [`Head`] as text, as a regular expression.
pub const HEAD_PATTERN: &str = "^[1-9][0-9]{0,17}:[0-9a-fA-F]{64}$";

impl std::str::FromStr for Head {
    type Err = String;

    /// Reads `NUMBER:HASH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(number, hash)| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(hash, &mut bytes).ok()?;
            let number = parse_number(number)?;
            Some(Self { number, hash: Digest(bytes) })
        });
        parsed
            .ok_or_else(|| format!("`{text}` is not NUMBER:HASH, as `hookyard audit verify` prints the head"))
    }
}

/// The first place at which a log is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainError {
    /// The number of the entry.
    pub number: i64,
    /// What is wrong with it.
    pub fault: ChainFault,
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainFault {
    /// The entry is missing, and later ones are there.
    Missing,
    /// Its hash does not fit its content and the entry before.
    WrongHash,
    /// It is another one than was noted earlier.
    Rewritten,
    /// It is missing, and all after it.
    MissingToEnd,
    /// It is newer than the stored head.
    BeyondHead,
    /// The stored head has another hash.
    OtherHead,
    /// An entry that was noted earlier is missing.
    BeforeExpected,
}

impl ChainFault {
    /// It in English, as said of the entry. The pages say it in other languages too.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Missing => "it is missing",
            Self::WrongHash => "its hash does not fit its content and the entry before it",
            Self::Rewritten => "its hash is not the expected one: the log was written anew",
            Self::MissingToEnd => "it is missing, and so are all after it",
            Self::BeyondHead => "it is newer than the stored head",
            Self::OtherHead => "the stored head is another one",
            Self::BeforeExpected => "it is missing: the expected head is newer",
        }
    }
}

/// Checks entries in order.
#[derive(Debug, Default)]
pub struct Verifier {
    head: Head,
    /// A head that was noted earlier.
    expected: Option<Head>,
}

impl Verifier {
    /// A check from the first entry on. The log must have `expected`, a head that was noted earlier.
    #[must_use]
    pub fn new(expected: Option<Head>) -> Self {
        Self { head: Head::default(), expected }
    }

    /// The newest entry that was checked.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Checks the next entry.
    ///
    /// # Errors
    /// [`ChainError`] if it is not the one that follows.
    pub fn check(&mut self, entry: &Entry) -> Result<(), ChainError> {
        let next = self.head.number.saturating_add(1);
        let wrong = |number, fault| Err(ChainError { number, fault });
        if entry.number != next {
            return wrong(next, ChainFault::Missing);
        }
        if entry.hash != entry.hash_after(&self.head.hash) {
            return wrong(next, ChainFault::WrongHash);
        }
        if self.expected.is_some_and(|expected| expected.number == next && expected.hash != entry.hash) {
            return wrong(next, ChainFault::Rewritten);
        }
        self.head = entry.as_head();
        Ok(())
    }

    /// Checks the end of the log against the stored head.
    ///
    /// # Errors
    /// [`ChainError`] if entries are missing at the end.
    pub fn finish(self, stored: Head) -> Result<Head, ChainError> {
        let wrong = |number, fault| Err(ChainError { number, fault });
        if self.head.number < stored.number {
            return wrong(self.head.number.saturating_add(1), ChainFault::MissingToEnd);
        }
        if self.head.number > stored.number {
            return wrong(stored.number.saturating_add(1), ChainFault::BeyondHead);
        }
        if self.head != stored {
            return wrong(self.head.number, ChainFault::OtherHead);
        }
        match self.expected {
            Some(expected) if expected.number > self.head.number => {
                wrong(self.head.number.saturating_add(1), ChainFault::BeforeExpected)
            }
            _ => Ok(self.head),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Decision;
    use super::*;

    fn log(entries: i64) -> Vec<Entry> {
        let mut head = Head::default();
        let made = (1..=entries).map(|number| {
            let record = Decision::of_host().record("plugin.pause", format!("p{number}"));
            let entry = Entry::seal(&head, 1000, &record.after(json!({ "paused": true })));
            head = entry.as_head();
            entry
        });
        made.collect()
    }

    fn verify(entries: &[Entry], stored: Head, expected: Option<Head>) -> Result<Head, ChainError> {
        let mut verifier = Verifier::new(expected);
        entries.iter().try_for_each(|entry| verifier.check(entry))?;
        verifier.finish(stored)
    }

    /// The documented encoding, as another program would write it.
    #[test]
    fn the_hash_is_over_the_documented_text() {
        let entry = &log(1)[0];
        let text =
            br#"[1,1000,"host","hookyard",null,"plugin.pause","p1",null,"{\"paused\":true}",null,"done"]"#;
        assert_eq!(entry.hash, Digest::of(&[&[0; 32][..], text].concat()));
    }

    #[test]
    fn a_head_is_read_from_its_number_and_hash() {
        let head = Head { number: 12, hash: Digest([0xab; 32]) };
        assert_eq!(format!("12:{}", "ab".repeat(32)).parse(), Ok(head));
        for wrong in ["", "12", "12:ab", "0:", "x:00", &format!("-1:{}", "ab".repeat(32))] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_whole_log_is_verified() {
        let entries = log(5);
        let head = entries[4].as_head();
        assert_eq!(verify(&entries, head, None), Ok(head));
        assert_eq!(verify(&entries, head, Some(entries[2].as_head())), Ok(head));
        assert_eq!(verify(&[], Head::default(), None), Ok(Head::default()));
    }

    #[test]
    fn every_changed_field_is_found_at_its_entry() {
        type Change = fn(&mut Entry);
        let changes: [Change; 11] = [
            |entry| entry.at += 1,
            |entry| entry.actor.name.push('x'),
            |entry| entry.actor.kind = super::super::ActorKind::Token,
            |entry| entry.actor.address = Some("127.0.0.1".into()),
            |entry| entry.action = "plugin.resume".into(),
            |entry| entry.target.push('x'),
            |entry| entry.before = Some("{}".into()),
            |entry| entry.after = None,
            |entry| entry.note = Some(String::new()),
            |entry| entry.result = "failed".into(),
            |entry| entry.hash.0[31] ^= 1,
        ];
        for change in changes {
            let mut entries = log(5);
            let head = entries[4].as_head();
            change(&mut entries[2]);
            assert_eq!(verify(&entries, head, None).unwrap_err().number, 3, "{:?}", entries[2]);
        }
    }

    #[test]
    fn missing_and_exchanged_entries_are_found() {
        let whole = log(5);
        let head = whole[4].as_head();
        let without = |index: usize| {
            let mut entries = whole.clone();
            entries.remove(index);
            entries
        };
        for (entries, number) in [
            (without(0), 1),
            (without(2), 3),
            (without(4), 5),
            (whole[..2].to_vec(), 3),
            ([&whole[..1], &whole[2..3], &whole[1..2]].concat(), 2),
        ] {
            assert_eq!(verify(&entries, head, None).unwrap_err().number, number);
        }
    }

    #[test]
    fn a_log_that_was_written_anew_does_not_have_a_noted_head() {
        let (noted, mut entries) = (log(5)[4].as_head(), Vec::new());
        let mut head = Head::default();
        for number in 1..=6 {
            let entry = Entry::seal(&head, 7, &Decision::of_host().record("x.y", number.to_string()));
            head = entry.as_head();
            entries.push(entry);
        }
        assert_eq!(verify(&entries, head, None), Ok(head));
        assert_eq!(verify(&entries, head, Some(noted)).unwrap_err().number, 5);
        let lowered = verify(&entries, entries[2].as_head(), None);
        assert_eq!(lowered.unwrap_err().number, 4, "a stored head before the end");
        let cut = &entries[..3];
        assert_eq!(verify(cut, cut[2].as_head(), Some(noted)).unwrap_err().number, 4);
    }
}
