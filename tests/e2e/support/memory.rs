//! The memory of a process on Linux (proc(5), `/proc/PID/status` and `clear_refs`).

use super::RunningHost;

impl RunningHost<'_> {
    /// The resident memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most it had since the start, or since [`RunningHost::reset_peak_memory`].
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Resets the peak to the current size.
    pub(crate) fn reset_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
