//! What a process has in memory, as Linux tells it (proc(5), `/proc/PID/status` and `clear_refs`).

use super::Host;

impl Host<'_> {
    /// What it has in memory now, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most it had since the start, or since [`Host::forget_peak_memory`].
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Begins a new peak at what it has now.
    pub(crate) fn forget_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
