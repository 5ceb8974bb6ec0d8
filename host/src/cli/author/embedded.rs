//! What `build.rs` puts into the program: the SDKs with their templates, and the WIT.

/// A file of the repository.
pub(super) struct File {
    /// Its path there.
    pub(super) path: &'static str,
    /// Whether it is a program.
    pub(super) executable: bool,
    /// What is in it.
    pub(super) bytes: &'static [u8],
}

/// All of them, by path.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files below a directory, with their paths there.
pub(super) fn below(dir: &str) -> impl Iterator<Item = (&'static str, &'static File)> {
    FILES.iter().filter_map(move |file| {
        let below = file.path.strip_prefix(dir)?.strip_prefix('/')?;
        Some((below, file))
    })
}
