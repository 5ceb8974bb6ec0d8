//! The attempts that this process runs now, in memory and in a small file beside the database.
//!
//! From the file the next process knows which attempts ran when this one died. Each attempt has a slot of
//! its own, written when the attempt begins and overwritten by the next one in that slot: one `pwrite`,
//! without a sync. The kernel keeps the writes of a dead process. A power cut may lose them, and is no
//! crash of the process. The database has the recorded attempts, so no slot is cleared.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::types::{RunningAttempt, RunningId};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::Digest;

/// Bytes of a slot: no slot crosses a sector.
const SLOT_BYTES: usize = 128;
/// Bytes of a slot that are used.
const USED_BYTES: usize = 80;
/// Slots that are read: more than ever run at once.
const SLOTS_MAX: u32 = 65_536;
/// The first bytes of each written slot; another layout has another number.
const MAGIC: u32 = 0x6879_0001;

/// See the module.
pub(super) struct RunningAttempts {
    slots: Mutex<Slots>,
    /// `None` where nothing outlives the process.
    file: Option<SlotFile>,
}

struct SlotFile {
    file: File,
    path: PathBuf,
}

impl SlotFile {
    fn write(&self, bytes: &[u8], slot: u32) {
        if let Err(error) = self.file.write_all_at(bytes, offset_of(slot)) {
            tracing::debug!("{}: {error}", self.path.display());
        }
    }
}

/// The slot of each attempt.
#[derive(Debug, Default)]
struct Slots {
    by_id: HashMap<RunningId, u32>,
    /// Slots below `next` that nothing has.
    free: Vec<u32>,
    next: u32,
}

impl RunningAttempts {
    /// Opens the file of the database at `database`. Returns the attempts that an earlier process left in it.
    pub(super) fn open(database: &Path) -> io::Result<(Self, Vec<RunningAttempt>)> {
        let path = PathBuf::from(format!("{}.running", database.display()));
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let mut left = Vec::new();
        let mut slot = [0; USED_BYTES];
        for number in 0..SLOTS_MAX {
            match file.read_exact_at(&mut slot, offset_of(number)) {
                Ok(()) => left.extend(decode(&slot)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok((Self { slots: Mutex::default(), file: Some(SlotFile { file, path }) }, left))
    }

    /// One that nothing outlives.
    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        Self { slots: Mutex::default(), file: None }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt begins.
    pub(super) fn begin(&self, attempt: &RunningAttempt) {
        let slot = {
            let mut slots = self.slots();
            let slot = slots.free.pop().unwrap_or_else(|| {
                slots.next += 1;
                slots.next - 1
            });
            // An attempt that begins twice keeps one slot.
            if let Some(other) = slots.by_id.insert(attempt.id, slot) {
                slots.free.push(other);
            }
            slot
        };
        if let Some(file) = &self.file {
            file.write(&encode(attempt), slot);
        }
    }

    /// Frees the slot of an attempt that was recorded, or released.
    pub(super) fn end(&self, id: RunningId) {
        let mut slots = self.slots();
        if let Some(slot) = slots.by_id.remove(&id) {
            slots.free.push(slot);
        }
    }

    /// An attempt is over, and not recorded yet: should the process die now, it was not the reason.
    pub(super) fn over(&self, id: RunningId) {
        // The lock keeps the slot while it is written.
        let slots = self.slots();
        if let Some(slot) = slots.by_id.get(&id)
            && let Some(file) = &self.file
        {
            file.write(&[0; USED_BYTES], *slot);
        }
    }

    /// Deliveries whose attempt began and is not recorded yet.
    pub(super) fn deliveries(&self) -> HashSet<DeliveryId> {
        let slots = self.slots();
        let deliveries = slots.by_id.keys().filter_map(|id| match id {
            RunningId::Delivery(id) => Some(*id),
            RunningId::Effect(_) => None,
        });
        deliveries.collect()
    }

    /// Clears the file when no attempt runs: the next process then counts no crash.
    pub(super) fn clear(&self) {
        if let Some(SlotFile { file, path }) = &self.file
            && let Err(error) = file.set_len(0)
        {
            tracing::warn!("{}: {error}", path.display());
        }
    }
}

fn offset_of(slot: u32) -> u64 {
    u64::from(slot) * SLOT_BYTES as u64
}

fn encode(attempt: &RunningAttempt) -> [u8; USED_BYTES] {
    let (delivery, effect) = match attempt.id {
        RunningId::Delivery(id) => (id, 0),
        RunningId::Effect(id) => (id.delivery, id.number),
    };
    let mut slot = [0; USED_BYTES];
    let (head, rest) = slot.split_at_mut(8);
    head[..4].copy_from_slice(&MAGIC.to_le_bytes());
    head[4..].copy_from_slice(&attempt.number.to_le_bytes());
    let (numbers, revision) = rest.split_at_mut(32);
    let fields = [delivery.event, delivery.number, effect].map(i64::to_le_bytes);
    for (place, field) in
        numbers.chunks_exact_mut(8).zip(fields.into_iter().chain([attempt.started_at.to_le_bytes()]))
    {
        place.copy_from_slice(&field);
    }
    revision[..32].copy_from_slice(&attempt.revision.0);
    slot
}

fn decode(slot: &[u8; USED_BYTES]) -> Option<RunningAttempt> {
    let (head, rest) = slot.split_first_chunk::<8>()?;
    let (magic, number) = head.split_first_chunk::<4>()?;
    let number = u32::from_le_bytes(*number.first_chunk()?);
    let (numbers, rest) = rest.split_first_chunk::<32>()?;
    let mut fields = numbers.chunks_exact(8).filter_map(|field| field.try_into().ok());
    let mut next = || fields.next().map(i64::from_le_bytes);
    let delivery = DeliveryId { event: next()?, number: next()? };
    let id = match next()? {
        0 => RunningId::Delivery(delivery),
        number => RunningId::Effect(EffectId { delivery, number }),
    };
    let started_at = u64::try_from(next()?).ok()?;
    let revision = Digest(*rest.first_chunk()?);
    (u32::from_le_bytes(*magic) == MAGIC).then_some(RunningAttempt { id, number, started_at, revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(event: i64, effect: i64) -> RunningAttempt {
        let delivery = DeliveryId { event, number: 2 };
        let id = match effect {
            0 => RunningId::Delivery(delivery),
            number => RunningId::Effect(EffectId { delivery, number }),
        };
        RunningAttempt { id, number: 7, started_at: 1_800_000_000_000, revision: Digest([9; 32]) }
    }

    #[test]
    fn the_next_process_reads_what_ran() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("hookyard.db");
        let (running, left) = RunningAttempts::open(&database).unwrap();
        assert_eq!(left, []);
        let (first, second, third) = (attempt(1, 0), attempt(i64::MAX, 32), attempt(3, 0));
        running.begin(&first);
        running.begin(&second);
        assert_eq!(running.deliveries(), HashSet::from([DeliveryId { event: 1, number: 2 }]));
        drop(running);
        let (running, left) = RunningAttempts::open(&database).unwrap();
        assert_eq!(left, [first, second]);
        running.begin(&first);
        running.begin(&second);
        running.over(first.id);
        running.over(third.id);
        let (running, left) = RunningAttempts::open(&database).unwrap();
        assert_eq!(left, [second]);
        running.clear();
        // A slot is used again.
        running.begin(&first);
        running.end(first.id);
        running.begin(&third);
        let (_, left) = RunningAttempts::open(&database).unwrap();
        assert_eq!(left, [third]);
    }

    #[test]
    fn invalid_slots_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("hookyard.db");
        let mut bytes = vec![0; SLOT_BYTES];
        bytes.extend([0xff; SLOT_BYTES]);
        bytes.extend(encode(&attempt(5, 1)));
        bytes.extend([0; SLOT_BYTES - USED_BYTES]);
        bytes.extend(&encode(&attempt(6, 1))[..40]);
        std::fs::write(dir.path().join("hookyard.db.running"), bytes).unwrap();
        let (_, left) = RunningAttempts::open(&database).unwrap();
        assert_eq!(left, [attempt(5, 1)]);
    }
}
