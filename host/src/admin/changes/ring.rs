//! The latest changes, which all clients read: a slow one costs no memory of its own.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::admin::api::Change;

/// Batches that are kept: five minutes, if something changes in each interval.
const BATCHES_MAX: usize = 600;
/// Changes that are kept.
const CHANGES_MAX: usize = 20_000;

/// A place among the changes: the run of the reader, and the number of a batch in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) run: u64,
    pub(super) batch: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.run, self.batch)
    }
}

impl Position {
    /// Reads a position.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (run, batch) = text.split_once('-')?;
        let is_hex = run.len() == 16 && run.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_number = matches!(batch.len(), 1..=18) && batch.bytes().all(|b| b.is_ascii_digit());
        let run = u64::from_str_radix(run, 16).ok().filter(|_| is_hex)?;
        Some(Self { run, batch: batch.parse().ok().filter(|_| is_number)? })
    }
}

/// Batches after a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Following {
    /// All of them, in order.
    Batches(Vec<(u64, Arc<Vec<Change>>)>),
    /// Some are not known any more, or the position is of another run.
    Lost,
}

/// See the module.
pub(super) struct Ring {
    run: u64,
    newest: u64,
    batches: VecDeque<(u64, Arc<Vec<Change>>)>,
    changes: usize,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self { run: rand::random(), newest: 0, batches: VecDeque::new(), changes: 0 }
    }

    /// The place after all batches.
    pub(super) fn newest(&self) -> Position {
        Position { run: self.run, batch: self.newest }
    }

    /// Adds a batch, and forgets old ones.
    pub(super) fn push(&mut self, batch: Vec<Change>) {
        self.newest += 1;
        self.changes += batch.len();
        self.batches.push_back((self.newest, Arc::new(batch)));
        while self.batches.len() > BATCHES_MAX || (self.changes > CHANGES_MAX && self.batches.len() > 1) {
            if let Some((_, old)) = self.batches.pop_front() {
                self.changes -= old.len();
            }
        }
    }

    /// The batches after a position.
    pub(super) fn after(&self, position: Position) -> Following {
        let oldest = self.batches.front().map_or(self.newest, |(number, _)| number - 1);
        if position.run != self.run || position.batch < oldest || position.batch > self.newest {
            return Following::Lost;
        }
        let following = self.batches.iter().filter(|(number, _)| *number > position.batch);
        Following::Batches(following.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::ChangeKind;

    fn batch() -> Vec<Change> {
        vec![Change::new(ChangeKind::Plugin)]
    }

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position { run: 0xaf, batch: 12 };
        assert_eq!(position.to_string(), "00000000000000af-12");
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        for wrong in ["", "12", "af-12", "00000000000000AF-12", "00000000000000af-", "00000000000000af-+1"] {
            assert_eq!(Position::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_known_position_is_continued_and_another_is_lost() {
        let mut ring = Ring::new();
        let start = ring.newest();
        assert_eq!(ring.after(start), Following::Batches(vec![]));
        ring.push(batch());
        ring.push(batch());
        let Following::Batches(both) = ring.after(start) else { panic!("they are known") };
        assert_eq!(both.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
        for lost in [Position { run: start.run ^ 1, batch: 0 }, Position { batch: 3, ..start }] {
            assert_eq!(ring.after(lost), Following::Lost);
        }
        (0..BATCHES_MAX).for_each(|_| ring.push(batch()));
        assert_eq!(ring.after(start), Following::Lost, "it is too old");
        assert!(
            matches!(ring.after(Position { batch: 2, ..start }), Following::Batches(all) if all.len() == BATCHES_MAX)
        );
    }

    #[test]
    fn many_changes_are_kept_for_a_shorter_time() {
        let mut ring = Ring::new();
        let start = ring.newest();
        (0..3).for_each(|_| ring.push(vec![Change::new(ChangeKind::Event); CHANGES_MAX / 2]));
        assert_eq!(ring.after(start), Following::Lost);
        assert!(
            matches!(ring.after(Position { batch: 1, ..start }), Following::Batches(all) if all.len() == 2)
        );
    }
}
