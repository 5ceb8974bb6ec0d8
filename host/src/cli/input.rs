//! Files and standard input that commands read as a whole.

use std::fs::File;
use std::io::{self, Read, stdin};
use std::path::Path;

use super::failure::Failure;

/// No event and no sample is larger.
const INPUT_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a file; `-` is standard input.
///
/// # Errors
/// Names the file that cannot be read, or is too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = if path == Path::new("-") {
        read_bounded(stdin().lock(), INPUT_MAX_BYTES)
    } else {
        File::open(path).and_then(|file| read_bounded(file, INPUT_MAX_BYTES))
    };
    bytes.map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

/// Reads a text; `-` is standard input.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(path)?);
    text.map_err(|_| Failure::Failed(format!("{}: it is not UTF-8 text", path.display())))
}

fn read_bounded(from: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("it has more than {max_bytes} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_up_to_its_limit() {
        assert_eq!(read_bounded(&b"1234"[..], 4).unwrap(), b"1234");
        assert_eq!(read_bounded(&b"12345"[..], 4).unwrap_err().to_string(), "it has more than 4 bytes");
        assert!(read(Path::new("/none")).unwrap_err().to_string().starts_with("/none: "));
    }
}
