//! Small text files, which are never read without an end: a path may lead to a device or to anything huge.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// More than any configuration, secret or token has.
const TEXT_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a text file whole.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is larger than any such file.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(TEXT_MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > TEXT_MAX_BYTES {
        let why = format!("it is larger than {TEXT_MAX_BYTES} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}
