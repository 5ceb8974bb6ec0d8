//! Lets one file be compiled once at a time: plugins of the same file share the machine code, and a mark of a running
//! compilation is never taken for one that ended with its host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::event::Digest;

type Lock = tokio::sync::Mutex<()>;

/// See the module.
#[derive(Default)]
pub(super) struct CompileLocks(Mutex<HashMap<Digest, Weak<Lock>>>);

impl CompileLocks {
    /// Waits until no one else has the lock of this file. Dropping the guard releases it.
    pub(super) async fn lock(&self, digest: Digest) -> OwnedMutexGuard<()> {
        self.of(digest).lock_owned().await
    }

    fn of(&self, digest: Digest) -> Arc<Lock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(&digest).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(digest, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_file_is_locked_until_its_guard_is_dropped_and_others_are_not() {
        let locks = CompileLocks::default();
        let (one, other) = (Digest([1; 32]), Digest([2; 32]));
        let guard = locks.lock(one).await;
        drop(locks.lock(other).await);
        let waits = tokio::time::timeout(Duration::from_millis(20), locks.lock(one)).await;
        assert!(waits.is_err());
        drop(guard);
        drop(locks.lock(one).await);
        drop(locks.lock(other).await);
        assert_eq!(locks.0.lock().unwrap().len(), 1, "locks without a holder are dropped");
    }
}
