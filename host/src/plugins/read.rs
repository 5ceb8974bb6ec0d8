//! Reads a plugin's file.

use std::io::Read as _;

use super::scan::{PluginFile, Stamp};
use crate::event::Digest;

/// The result of reading a file.
pub enum ReadResult {
    /// Its bytes and their digest.
    Read(Vec<u8>, Digest),
    /// It changed while it was read.
    Changing,
    /// It cannot be read, or is too large.
    Refused(String),
}

/// Reads a whole file. It must still match its stamp after the read.
#[must_use]
pub fn read_file(PluginFile { path, stamp }: &PluginFile, max_bytes: u64) -> ReadResult {
    let size = stamp.size_bytes();
    if size > max_bytes {
        return ReadResult::Refused(format!(
            "{} has {size} bytes, plugins.file_max_bytes is {max_bytes}",
            path.display()
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let read = std::fs::File::open(path).and_then(|file| file.take(max_bytes).read_to_end(&mut bytes));
    match read {
        _ if Stamp::of(path) != Some(*stamp) => ReadResult::Changing,
        Ok(_) => {
            let digest = Digest::of(&bytes);
            ReadResult::Read(bytes, digest)
        }
        Err(error) => ReadResult::Refused(format!("{} cannot be read: {error}", path.display())),
    }
}
