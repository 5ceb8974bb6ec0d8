//! The limits of one instance's linear memories and tables, each added up.

use wasmtime::{ResourceLimiter, Result};

use super::engine_config::{CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, TABLES_PER_COMPONENT};
use crate::config;

/// Counts an instance's memory and table elements, and refuses growth beyond the limits.
pub(super) struct ResourceLimits {
    memory_max_bytes: usize,
    table_elements_max: usize,
    /// The engine enforces it; messages name it.
    pub(super) stack_max_bytes: usize,
    memory_bytes: usize,
    table_elements: usize,
    /// The first limit that was exceeded, for the attempt's reason.
    pub(super) exceeded: Option<String>,
}

impl ResourceLimits {
    pub(super) fn new(memory_max_bytes: usize, runtime: &config::Runtime) -> Self {
        Self {
            memory_max_bytes,
            table_elements_max: runtime.table_elements_max,
            stack_max_bytes: runtime.stack_max_bytes,
            memory_bytes: 0,
            table_elements: 0,
            exceeded: None,
        }
    }

    /// Memories never shrink, so their size is also their peak.
    pub(super) fn peak_memory_bytes(&self) -> u64 {
        self.memory_bytes as u64
    }

    fn refuse(&mut self, reason: String) -> bool {
        self.exceeded.get_or_insert(reason);
        false
    }
}

impl ResourceLimiter for ResourceLimits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_max_bytes {
            let max = self.memory_max_bytes;
            return Ok(self.refuse(format!("memory: {total} bytes asked, memory_max_bytes is {max}")));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_elements_max {
            let max = self.table_elements_max;
            return Ok(self.refuse(format!("tables: {total} elements asked, table_elements_max is {max}")));
        }
        self.table_elements = total;
        Ok(true)
    }

    // A pool refuses a component that has more. Without a pool, its instantiation fails.

    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_COMPONENT as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ResourceLimits {
        let runtime = config::Runtime { table_elements_max: 10, ..config::Config::default().runtime };
        ResourceLimits::new(100, &runtime)
    }

    #[test]
    fn adds_up_all_memories_of_an_instance() {
        let mut limits = limits();
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.memory_growing(0, 40, None).unwrap());
        assert!(!limits.memory_growing(40, 41, None).unwrap());
        assert_eq!(limits.peak_memory_bytes(), 100);
        assert!(limits.exceeded.unwrap().contains("memory_max_bytes is 100"));
    }

    #[test]
    fn adds_up_all_tables_of_an_instance() {
        let mut limits = limits();
        assert!(limits.table_growing(0, 10, None).unwrap());
        assert!(!limits.table_growing(0, 1, None).unwrap());
        assert!(limits.exceeded.unwrap().contains("table_elements_max is 10"));
    }
}
