//! What one instance may take, all its memories and tables added up.

use wasmtime::{ResourceLimiter, Result};

use super::engine_config::{CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, TABLES_PER_COMPONENT};
use crate::config;

/// Counts what an instance has and refuses what is over.
pub(super) struct Limits {
    memory_max_bytes: usize,
    table_elements_max: usize,
    /// Kept by the engine; named here for messages.
    pub(super) stack_max_bytes: usize,
    memory_bytes: usize,
    table_elements: usize,
    /// The first limit that was met, for the attempt's reason.
    pub(super) crossed: Option<String>,
}

impl Limits {
    pub(super) fn new(memory_max_bytes: usize, runtime: &config::Runtime) -> Self {
        Self {
            memory_max_bytes,
            table_elements_max: runtime.table_elements_max,
            stack_max_bytes: runtime.stack_max_bytes,
            memory_bytes: 0,
            table_elements: 0,
            crossed: None,
        }
    }

    /// Memories never shrink, so what they have is the most they had.
    pub(super) fn peak_memory_bytes(&self) -> u64 {
        self.memory_bytes as u64
    }

    fn cross(&mut self, what: String) -> bool {
        self.crossed.get_or_insert(what);
        false
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_max_bytes {
            let max = self.memory_max_bytes;
            return Ok(self.cross(format!("memory: {total} bytes asked, memory_max_bytes is {max}")));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_elements_max {
            let max = self.table_elements_max;
            return Ok(self.cross(format!("tables: {total} elements asked, table_elements_max is {max}")));
        }
        self.table_elements = total;
        Ok(true)
    }

    // A pool refuses a component that has more; without one, instantiating it fails.

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

    fn limits() -> Limits {
        let runtime = config::Runtime { table_elements_max: 10, ..config::Config::default().runtime };
        Limits::new(100, &runtime)
    }

    #[test]
    fn adds_up_all_memories_of_an_instance() {
        let mut limits = limits();
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.memory_growing(0, 40, None).unwrap());
        assert!(!limits.memory_growing(40, 41, None).unwrap());
        assert_eq!(limits.peak_memory_bytes(), 100);
        assert!(limits.crossed.unwrap().contains("memory_max_bytes is 100"));
    }

    #[test]
    fn adds_up_all_tables_of_an_instance() {
        let mut limits = limits();
        assert!(limits.table_growing(0, 10, None).unwrap());
        assert!(!limits.table_growing(0, 1, None).unwrap());
        assert!(limits.crossed.unwrap().contains("table_elements_max is 10"));
    }
}
