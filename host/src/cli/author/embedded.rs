//! The files that `build.rs` embeds into the program: the SDKs with their templates, and the WIT.

/// A file of the repository.
pub(super) struct File {
    /// Its path there.
    pub(super) path: &'static str,
    /// Whether it is executable.
    pub(super) executable: bool,
    /// Its content.
    pub(super) bytes: &'static [u8],
}

/// All files, by path.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The providers' WIT packages in this program, without versions: `moncreneau:events`.
pub(in crate::cli) fn provider_packages() -> Vec<String> {
    let declared = below("wit").filter_map(|(_, file)| {
        let text = std::str::from_utf8(file.bytes).ok()?;
        let package = text.lines().find_map(|line| line.strip_prefix("package "))?;
        Some(package.split(['@', ';']).next()?.trim().to_owned())
    });
    let mut packages: Vec<_> =
        declared.filter(|name| !name.starts_with("wasi:") && !name.starts_with("hookyard:")).collect();
    packages.sort();
    packages.dedup();
    packages
}

/// The files below a directory, with their paths there.
pub(super) fn below(dir: &str) -> impl Iterator<Item = (&'static str, &'static File)> {
    FILES.iter().filter_map(move |file| {
        let below = file.path.strip_prefix(dir)?.strip_prefix('/')?;
        Some((below, file))
    })
}

/// The text files below a directory, with their paths there.
pub(super) fn texts_below(dir: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    below(dir).filter_map(|(path, file)| Some((path, std::str::from_utf8(file.bytes).ok()?)))
}
