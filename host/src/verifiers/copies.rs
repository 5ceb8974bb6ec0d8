//! Copies of admitted verifier files, in the data directory. A host whose files are refused at its start runs the copy.
//!
//! A copy is one file, so that a component and its vectors change together: a line of JSON, the vectors, the component.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::vectors::FILE_MAX_BYTES;
use crate::config::{PrivateDir, PrivateEntry};
use crate::event::{Digest, VerifierName};

/// Allowance for the header line, in bytes.
const HEADER_MAX_BYTES: u64 = 1024;
/// Time after which a copy that could not be written is written again.
const RETRY: Duration = Duration::from_secs(30);

/// See the module. Clones share it.
#[derive(Clone)]
pub(super) struct Copies(Arc<Inner>);

struct Inner {
    dir: PrivateDir,
    retry: Duration,
    pending: Mutex<Pending>,
    has_pending: Notify,
}

/// By verifier: the files to be written, or `None` where the copy is to be removed. The latest replace earlier ones.
type Pending = BTreeMap<VerifierName, Option<Arc<VerifierFiles>>>;

/// The files of a verifier, as they were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VerifierFiles {
    pub(super) component: Vec<u8>,
    pub(super) vectors: Vec<u8>,
}

/// What is needed to know that a copy is whole.
#[derive(Serialize, Deserialize)]
struct CopyHeader {
    /// SHA-256 of the component.
    revision: Digest,
    /// SHA-256 of the vectors.
    vectors: Digest,
    vectors_bytes: usize,
}

impl Copies {
    pub(super) fn new(dir: PrivateDir) -> Self {
        Self::retrying_after(RETRY, dir)
    }

    fn retrying_after(retry: Duration, dir: PrivateDir) -> Self {
        Self(Arc::new(Inner { dir, retry, pending: Mutex::default(), has_pending: Notify::new() }))
    }

    /// The copy of a verifier; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or has a component larger than this.
    pub(super) fn read(&self, name: &VerifierName, file_max_bytes: u64) -> io::Result<Option<VerifierFiles>> {
        let max = HEADER_MAX_BYTES + FILE_MAX_BYTES + file_max_bytes;
        let Some(bytes) = self.0.dir.read(name.as_str(), max)? else { return Ok(None) };
        let files = parse(bytes).ok_or_else(|| io::Error::other("it is damaged"))?;
        let size = files.component.len() as u64;
        if size > file_max_bytes {
            let text = format!("it has {size} bytes, plugins.file_max_bytes is {file_max_bytes}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(Some(files))
    }

    /// Has [`Copies::write_pending`] write the copy of a verifier that is admitted.
    pub(super) fn keep(&self, name: VerifierName, files: VerifierFiles) {
        self.pending().insert(name, Some(Arc::new(files)));
        self.0.has_pending.notify_one();
    }

    /// Has [`Copies::write_pending`] remove the copy of a verifier that is removed.
    pub(super) fn remove(&self, name: VerifierName) {
        self.pending().insert(name, None);
        self.0.has_pending.notify_one();
    }

    /// Removes what is neither a copy of these verifiers nor to be written.
    ///
    /// # Errors
    /// The last one, after all others are removed.
    pub(super) fn retain(&self, names: &BTreeSet<VerifierName>) -> io::Result<()> {
        let is_needed = |name: &str| names.iter().any(|needed| needed.as_str() == name);
        let mut result = Ok(());
        for entry in self.0.dir.entries()? {
            if !is_needed(&entry.name) && !entry.is_temporary() {
                result = self.0.dir.remove(&entry.name).and(result);
            }
        }
        result
    }

    /// Removes what an earlier process left of a write, then writes and removes copies for ever. Nobody waits for the disk.
    pub(super) async fn write_pending(self) {
        let copies = self.clone();
        // A rest takes room, and does no other harm.
        let _ = tokio::task::spawn_blocking(move || copies.remove_rests()).await;
        let mut failed = Pending::new();
        loop {
            let Some((name, files)) = self.pending().pop_first() else {
                if tokio::time::timeout(self.0.retry, self.0.has_pending.notified()).await.is_err() {
                    self.try_again(&failed);
                }
                continue;
            };
            let is_news = failed.remove(&name).is_none();
            let (copies, of, new) = (self.clone(), name.clone(), files.clone());
            let stored = tokio::task::spawn_blocking(move || copies.store(&of, new.as_deref())).await;
            let Err(error) = stored.map_err(io::Error::other).flatten() else { continue };
            if is_news {
                tracing::warn!(
                    verifier = %name,
                    "the copy of verifier {name} cannot be changed: {error}; if the host starts again with files that it \
                     refuses, it may run an earlier revision or none; it is tried again every {} s",
                    self.0.retry.as_secs()
                );
            }
            failed.insert(name, files);
        }
    }

    fn try_again(&self, failed: &Pending) {
        let mut pending = self.pending();
        for (name, files) in failed {
            pending.entry(name.clone()).or_insert_with(|| files.clone());
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a copy on disk to this state.
    fn store(&self, name: &VerifierName, files: Option<&VerifierFiles>) -> io::Result<()> {
        let Some(files) = files else { return self.0.dir.remove(name.as_str()) };
        let bytes = files.component.len() as u64;
        if self.read(name, bytes).is_ok_and(|copy| copy.as_ref() == Some(files)) {
            return Ok(());
        }
        // Better none than that of an earlier revision. There is always room to remove it.
        self.0.dir.remove(name.as_str())?;
        self.write(name, files)
    }

    fn write(
        &self,
        name: &VerifierName,
        VerifierFiles { component, vectors }: &VerifierFiles,
    ) -> io::Result<()> {
        let header = CopyHeader {
            revision: Digest::of(component),
            vectors: Digest::of(vectors),
            vectors_bytes: vectors.len(),
        };
        let header = serde_json::to_vec(&header)?;
        self.0.dir.write_durably(name.as_str(), &[&header, b"\n", vectors, component])
    }

    fn remove_rests(&self) -> io::Result<()> {
        for entry in self.0.dir.entries()?.into_iter().filter(PrivateEntry::is_temporary) {
            self.0.dir.remove(&entry.name)?;
        }
        Ok(())
    }
}

fn parse(mut bytes: Vec<u8>) -> Option<VerifierFiles> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header: CopyHeader = serde_json::from_slice(&bytes[..end]).ok()?;
    bytes.drain(..=end);
    if bytes.len() < header.vectors_bytes {
        return None;
    }
    let component = bytes.split_off(header.vectors_bytes);
    let is_whole = Digest::of(&bytes) == header.vectors && Digest::of(&component) == header.revision;
    is_whole.then_some(VerifierFiles { component, vectors: bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies() -> (tempfile::TempDir, Copies) {
        let dir = tempfile::tempdir().unwrap();
        let kept = PrivateDir::make(&dir.path().join("kept")).unwrap();
        let copies = Copies::retrying_after(Duration::from_millis(10), kept);
        (dir, copies)
    }

    fn name(name: &str) -> VerifierName {
        VerifierName::stored(name)
    }

    fn files(component: &[u8], vectors: &[u8]) -> VerifierFiles {
        VerifierFiles { component: component.to_vec(), vectors: vectors.to_vec() }
    }

    #[test]
    fn a_copy_is_read_as_it_was_written_last() {
        let (_dir, copies) = copies();
        assert_eq!(copies.read(&name("a"), 10).unwrap(), None);
        for files in [files(b"\0asm\n", b"[]\n"), files(b"", b""), files(b"\n\n", b"\n")] {
            copies.store(&name("a"), Some(&files)).unwrap();
            assert_eq!(copies.read(&name("a"), 10).unwrap(), Some(files));
        }
        copies.store(&name("a"), None).unwrap();
        assert_eq!(copies.read(&name("a"), 10).unwrap(), None);
    }

    #[test]
    fn a_copy_with_any_byte_changed_or_missing_is_refused() {
        let (dir, copies) = copies();
        let path = dir.path().join("kept/a");
        copies.write(&name("a"), &files(b"component", b"vectors")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for damaged in [&changed[..], &whole[..at]] {
                std::fs::write(&path, damaged).unwrap();
                copies.read(&name("a"), 10).unwrap_err();
            }
        }
    }

    #[test]
    fn a_copy_beyond_the_limits_is_refused() {
        let (_dir, copies) = copies();
        for (bytes, is_read) in [(10, true), (11, false), (8 << 20, false)] {
            copies.write(&name("a"), &files(&vec![0; bytes], b"")).unwrap();
            assert_eq!(copies.read(&name("a"), 10).is_ok(), is_read, "{bytes}");
        }
    }

    #[test]
    fn all_copies_of_other_verifiers_are_removed_whatever_else_is_there() {
        let (dir, copies) = copies();
        for other in ["a", "c", "d"] {
            copies.write(&name(other), &files(b"", b"")).unwrap();
        }
        std::fs::create_dir(dir.path().join("kept/b")).unwrap();
        copies.retain(&BTreeSet::from([name("c")])).unwrap_err();
        let is_there = |name: &str| dir.path().join("kept").join(name).exists();
        assert_eq!(["a", "b", "c", "d"].map(is_there), [false, true, true, false]);
    }

    #[test]
    fn a_copy_that_cannot_be_written_leaves_no_earlier_one() {
        let (dir, copies) = copies();
        copies.write(&name("a"), &files(b"earlier", b"")).unwrap();
        let path = dir.path().join("kept");
        // Nothing can be made in a directory that is removed.
        std::fs::rename(path.join("a"), dir.path().join("a")).unwrap();
        std::fs::remove_dir(&path).unwrap();
        copies.store(&name("a"), Some(&files(b"later", b""))).unwrap_err();
        assert_eq!(copies.read(&name("a"), 10).unwrap(), None);
    }

    #[tokio::test]
    async fn the_latest_wish_for_a_verifier_is_carried_out() {
        let (dir, copies) = copies();
        std::fs::write(dir.path().join("kept/.tmp-1"), "cut off").unwrap();
        copies.keep(name("a"), files(b"1", b""));
        copies.keep(name("a"), files(b"2", b""));
        copies.keep(name("b"), files(b"3", b""));
        copies.remove(name("b"));
        let writing = tokio::spawn(copies.clone().write_pending());
        while copies.read(&name("a"), 10).unwrap() != Some(files(b"2", b"")) {
            tokio::task::yield_now().await;
        }
        copies.keep(name("c"), files(b"4", b""));
        while copies.read(&name("c"), 10).unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(copies.read(&name("b"), 10).unwrap(), None);
        assert!(!dir.path().join("kept/.tmp-1").exists());
        writing.abort();
    }

    #[tokio::test]
    async fn a_copy_that_cannot_be_written_holds_up_no_other_and_is_written_later() {
        let (dir, copies) = copies();
        let in_the_way = dir.path().join("kept/a");
        std::fs::create_dir(&in_the_way).unwrap();
        copies.keep(name("a"), files(b"1", b""));
        copies.keep(name("b"), files(b"2", b""));
        let writing = tokio::spawn(copies.clone().write_pending());
        let is_there = async |of: &str| {
            while copies.read(&name(of), 10).ok().flatten().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        is_there("b").await;
        assert!(in_the_way.is_dir());
        std::fs::remove_dir(&in_the_way).unwrap();
        is_there("a").await;
        writing.abort();
    }
}
