//! Copies of the files that run, in the data directory: a host that starts with files that it refuses goes on with them.
//!
//! A copy is one file, so that a component and its vectors change together: a line of JSON, the vectors, the component.

use std::collections::BTreeSet;
use std::io;

use serde::{Deserialize, Serialize};

use super::vectors::FILE_MAX_BYTES;
use crate::config::PrivateDir;
use crate::event::{Digest, VerifierName};

/// The most that the first line has, in bytes.
const HEADER_MAX_BYTES: u64 = 1024;

/// See the module.
pub(super) struct KeptFiles(PrivateDir);

/// A verifier's files, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) component: Vec<u8>,
    pub(super) vectors: Vec<u8>,
}

/// What is needed to know that a copy is whole.
#[derive(Serialize, Deserialize)]
struct Header {
    /// SHA-256 of the component.
    revision: Digest,
    /// SHA-256 of the vectors.
    vectors: Digest,
    vectors_bytes: usize,
}

impl KeptFiles {
    pub(super) fn new(dir: PrivateDir) -> Self {
        Self(dir)
    }

    /// The copy of a verifier's files; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it was written.
    pub(super) fn read(&self, name: &VerifierName, file_max_bytes: u64) -> io::Result<Option<Files>> {
        let max = HEADER_MAX_BYTES + FILE_MAX_BYTES + file_max_bytes;
        let Some(bytes) = self.0.read(name.as_str(), max)? else { return Ok(None) };
        let files = parse(&bytes).ok_or_else(|| io::Error::other("it is damaged"))?;
        Ok(Some(files))
    }

    /// Keeps a copy of a verifier's files, in place of the copy before.
    ///
    /// # Errors
    /// When it cannot be written; the copy before stays.
    pub(super) fn write(&self, name: &VerifierName, files: &Files) -> io::Result<()> {
        let Files { component, vectors } = files;
        let header = Header {
            revision: Digest::of(component),
            vectors: Digest::of(vectors),
            vectors_bytes: vectors.len(),
        };
        let header = serde_json::to_vec(&header)?;
        self.0.write_durably(name.as_str(), &[&header, b"\n", vectors, component])
    }

    /// Removes the copies of all other verifiers, and what writes left that were cut off.
    ///
    /// # Errors
    /// When the directory cannot be read, or a copy not be removed.
    pub(super) fn retain(&self, names: &BTreeSet<&str>) -> io::Result<()> {
        for entry in self.0.entries()? {
            if !names.contains(entry.name.as_str()) {
                self.0.remove(&entry.name)?;
            }
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Files> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
    let (vectors, component) = bytes[end + 1..].split_at_checked(header.vectors_bytes)?;
    let is_whole = Digest::of(vectors) == header.vectors && Digest::of(component) == header.revision;
    is_whole.then(|| Files { component: component.to_vec(), vectors: vectors.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (tempfile::TempDir, KeptFiles) {
        let dir = tempfile::tempdir().unwrap();
        let kept = KeptFiles::new(PrivateDir::make(&dir.path().join("kept")).unwrap());
        (dir, kept)
    }

    fn name(name: &str) -> VerifierName {
        VerifierName::stored(name)
    }

    fn files(component: &[u8], vectors: &[u8]) -> Files {
        Files { component: component.to_vec(), vectors: vectors.to_vec() }
    }

    #[test]
    fn a_copy_is_read_as_it_was_written_last() {
        let (_dir, kept) = kept();
        assert_eq!(kept.read(&name("a"), 10).unwrap(), None);
        for files in [files(b"\0asm\n", b"[]\n"), files(b"", b""), files(b"\n\n", b"\n")] {
            kept.write(&name("a"), &files).unwrap();
            assert_eq!(kept.read(&name("a"), 10).unwrap(), Some(files));
        }
    }

    #[test]
    fn a_copy_with_any_byte_changed_or_missing_is_refused() {
        let (dir, kept) = kept();
        let path = dir.path().join("kept/a");
        kept.write(&name("a"), &files(b"component", b"vectors")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for damaged in [&changed[..], &whole[..at]] {
                std::fs::write(&path, damaged).unwrap();
                kept.read(&name("a"), 10).unwrap_err();
            }
        }
    }

    #[test]
    fn a_copy_beyond_the_limits_is_refused() {
        let (_dir, kept) = kept();
        let most = usize::try_from(FILE_MAX_BYTES + HEADER_MAX_BYTES).unwrap() + 10;
        kept.write(&name("a"), &files(&vec![0; most], b"")).unwrap();
        kept.read(&name("a"), 10).unwrap_err();
    }

    #[test]
    fn copies_of_other_verifiers_are_removed() {
        let (dir, kept) = kept();
        for other in ["a", "b"] {
            kept.write(&name(other), &files(b"", b"")).unwrap();
        }
        std::fs::write(dir.path().join("kept/.tmp-1"), "cut off").unwrap();
        kept.retain(&BTreeSet::from(["b", "c"])).unwrap();
        assert_eq!(kept.read(&name("a"), 10).unwrap(), None);
        assert!(kept.read(&name("b"), 10).unwrap().is_some());
        assert!(!dir.path().join("kept/.tmp-1").exists());
    }
}
