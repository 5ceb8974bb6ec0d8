//! Files with secrets or personal data, which commands write.

use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file beside its place, and puts it there in one step. Only its owner may read it.
///
/// # Errors
/// When it cannot be written, or is there already and may not be replaced.
pub(super) fn write_private(path: &Path, text: &str, may_replace: bool) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".").suffix(".new").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    let placed = if may_replace { file.persist(path) } else { file.persist_noclobber(path) };
    placed.map(drop).map_err(|error| error.error)
}
