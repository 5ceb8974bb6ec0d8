//! `dev`: builds plugins when their sources change.
//!
//! It compares modification times: a few hundred files take a few milliseconds, and any file system works.
//! `notify::PollWatcher` compares whole seconds, so it misses the second of two quick saves, and it scans the
//! output of builds. The built `.wasm` reaches the host through the plugins directory, like any other.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use tracing::{error, info, warn};

use super::author::build::ahead::NextBuild;
use super::author::build::{build, install};
use super::author::folder::Folder;
use super::author::sources::{FILES_MAX, walk_sources};
use super::failure::Failure;

/// Interval between scans of the sources.
const SCAN_INTERVAL: Duration = Duration::from_millis(200);

/// The directories to watch and the action after a change.
#[derive(Debug, Clone)]
pub(super) struct Rebuild {
    /// Directories of sources.
    pub(super) watch: Vec<PathBuf>,
    build: Build,
    /// The sources at the last scan.
    fingerprint: SourceFingerprint,
}

/// The action after a change.
#[derive(Debug, Clone)]
enum Build {
    /// A shell command, and its working directory.
    Command { command: String, dir: PathBuf },
    /// A plugin is built and put into the directory of plugins.
    Plugin { folder: Folder, plugins: PathBuf },
}

impl std::fmt::Display for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dirs: Vec<_> = self.watch.iter().map(|dir| dir.display().to_string()).collect();
        write!(f, "{} when something changes in {}", self.build, dirs.join(", "))
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command { command, .. } => write!(f, "`{command}`"),
            Self::Plugin { folder, .. } => write!(f, "{} ({})", folder.name, folder.project.title()),
        }
    }
}

impl Rebuild {
    /// Scans the sources: changes from here on are built, also while the host starts.
    pub(super) fn with_command(watch: Vec<PathBuf>, command: String, dir: PathBuf) -> Self {
        Self { fingerprint: scan(&watch), watch, build: Build::Command { command, dir } }
    }

    /// The same for the plugin in a folder, which is installed into the plugins directory.
    pub(super) fn for_plugin(folder: Folder, plugins: PathBuf) -> Self {
        let watch = vec![folder.dir.clone()];
        Self { fingerprint: scan(&watch), watch, build: Build::Plugin { folder, plugins } }
    }

    /// Builds the plugin in a folder before the host starts, so that it gets the first event. A
    /// command is not run: its plugin exists already, or is built by hand.
    ///
    /// # Errors
    /// When the build failed.
    pub(super) async fn build_first(&self) -> Result<(), Failure> {
        match &self.build {
            Build::Command { .. } => Ok(()),
            Build::Plugin { folder, plugins } => build_and_install(folder, plugins).await.map(drop),
        }
    }

    /// Builds after every change, until it is dropped. `next_build` holds the build that waits for a change.
    pub(super) async fn run(mut self, next_build: NextBuild) {
        for missing in self.watch.iter().filter(|dir| !dir.is_dir()) {
            warn!(dir = %missing.display(), "dev: nothing to watch here yet");
        }
        self.start_next(&next_build).await;
        loop {
            let now = self.scan().await;
            if now != self.fingerprint {
                // An editor or a checkout writes several files: wait until it is quiet.
                self.fingerprint = self.wait_until_quiet(now).await;
                if self.build().await {
                    self.start_next(&next_build).await;
                }
            }
            tokio::time::sleep(SCAN_INTERVAL).await;
        }
    }

    async fn scan(&self) -> SourceFingerprint {
        let watch = self.watch.clone();
        tokio::task::spawn_blocking(move || scan(&watch)).await.unwrap_or_default()
    }

    async fn wait_until_quiet(&self, mut seen: SourceFingerprint) -> SourceFingerprint {
        loop {
            tokio::time::sleep(SCAN_INTERVAL / 2).await;
            let now = self.scan().await;
            if now == seen {
                return now;
            }
            seen = now;
        }
    }

    async fn start_next(&self, next_build: &NextBuild) {
        if let Build::Plugin { folder, .. } = &self.build {
            next_build.start(folder).await;
        }
    }

    /// Returns whether the build succeeded.
    async fn build(&self) -> bool {
        match &self.build {
            Build::Command { command, dir } => run_command(command, dir).await,
            Build::Plugin { folder, plugins } => rebuild_plugin(folder, plugins).await,
        }
    }
}

async fn run_command(command: &str, dir: &Path) -> bool {
    info!(%command, "dev: sources changed, building");
    let started = Instant::now();
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await;
    let took = format_seconds(started.elapsed());
    let succeeded = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    match status {
        Ok(status) if status.success() => info!(took, "dev: built"),
        Ok(status) => error!(took, %status, "dev: the build failed; plugins stay as they are"),
        Err(error) => error!(%error, "dev: the build could not start: is there a `sh`?"),
    }
    succeeded
}

async fn rebuild_plugin(folder: &Folder, plugins: &Path) -> bool {
    let plugin = &folder.name;
    info!(%plugin, "dev: sources changed, building");
    let built = build_and_install(folder, plugins).await;
    let succeeded = built.is_ok();
    match built {
        Ok(time) => info!(%plugin, took = format_seconds(time), "dev: built"),
        Err(failure) => error!("dev: {failure}; what runs stays as it is"),
    }
    succeeded
}

async fn build_and_install(folder: &Folder, plugins: &Path) -> Result<Duration, Failure> {
    let built = build(folder).await?;
    install(&built.file, &plugins.join(format!("{}.wasm", folder.name)))?;
    Ok(built.took)
}

fn format_seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

/// Differs after a file was added, removed or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct SourceFingerprint {
    files: usize,
    bytes: u64,
    newest: Option<SystemTime>,
    names: u64,
}

fn scan(dirs: &[PathBuf]) -> SourceFingerprint {
    let mut fingerprint = SourceFingerprint::default();
    for file in dirs.iter().flat_map(|dir| walk_sources(dir, None)).take(FILES_MAX) {
        if let Ok(found) = file.metadata() {
            fingerprint.add(file.path(), found.len(), found.modified().ok());
        }
    }
    fingerprint
}

impl SourceFingerprint {
    fn add(&mut self, path: &Path, bytes: u64, modified: Option<SystemTime>) {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hash = DefaultHasher::new();
        (path, bytes, modified).hash(&mut hash);
        self.files += 1;
        self.bytes += bytes;
        self.newest = self.newest.max(modified);
        self.names = self.names.wrapping_add(hash.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_changes_the_fingerprint_and_a_build_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        std::fs::create_dir_all(dir.path().join("a/src")).unwrap();
        std::fs::create_dir_all(dir.path().join("a/target")).unwrap();
        let empty = scan(&dirs);
        std::fs::write(dir.path().join("a/src/lib.rs"), "1").unwrap();
        let one = scan(&dirs);
        assert_ne!(empty, one);
        std::fs::write(dir.path().join("a/target/out"), "1").unwrap();
        std::fs::write(dir.path().join("a/.gitignore"), "/generated\n").unwrap();
        for built in ["plugin.wasm", "package-lock.json", "Cargo.lock", ".venv", "lib.rs~", "generated"] {
            std::fs::write(dir.path().join("a").join(built), "1").unwrap();
        }
        assert_eq!(one, scan(&dirs));
        std::fs::rename(dir.path().join("a/src/lib.rs"), dir.path().join("a/src/b.rs")).unwrap();
        assert_ne!(one, scan(&dirs));
    }
}
