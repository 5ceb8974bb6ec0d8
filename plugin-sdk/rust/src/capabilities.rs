//! Configuration, clock, randomness and log. Under `cargo test` they use the machine's clock and randomness,
//! and the values that the test sets.

/// The operator's configuration of this plugin.
pub mod config {
    use std::fmt;

    #[cfg(target_arch = "wasm32")]
    use crate::bindings::base::wasi::config::store;
    #[cfg(not(target_arch = "wasm32"))]
    use crate::test::world;

    /// The value of a key, if the operator has set one.
    #[cfg(target_arch = "wasm32")]
    pub fn get(key: &str) -> Option<String> {
        store::get(key).ok().flatten()
    }

    /// All keys and values.
    #[cfg(target_arch = "wasm32")]
    pub fn all() -> Vec<(String, String)> {
        store::get_all().unwrap_or_default()
    }

    /// The value of a key, if the test has set one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn get(key: &str) -> Option<String> {
        world::with(|world| world.config.get(key).cloned())
    }

    /// All keys and values.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn all() -> Vec<(String, String)> {
        world::with(|world| world.config.clone().into_iter().collect())
    }

    /// Sets a value for this thread's tests. For a single test, use [`crate::test::Host::config`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn set_for_test(key: &str, value: &str) {
        world::with(|world| world.config.insert(key.into(), value.into()));
    }

    /// The value of a required key.
    ///
    /// # Errors
    /// Fails if the operator has not set the key. With `?` in a handler, this error rejects the delivery.
    pub fn require(key: &str) -> Result<String, Missing> {
        get(key).ok_or_else(|| Missing(key.into()))
    }

    /// A key that the operator has not set, neither in `config` nor in `secrets`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Missing(String);

    impl fmt::Display for Missing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the configuration has no `{}`", self.0)
        }
    }

    impl std::error::Error for Missing {}
}

/// The time.
pub mod clock {
    use std::time::Duration;

    /// The time since the Unix epoch.
    #[cfg(target_arch = "wasm32")]
    pub fn now() -> Duration {
        let now = crate::bindings::base::wasi::clocks::wall_clock::now();
        Duration::new(now.seconds, now.nanoseconds)
    }

    /// The time since the Unix epoch.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn now() -> Duration {
        let machine = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        crate::test::world::with(|world| world.now).unwrap_or_else(|| machine().unwrap_or_default())
    }

    /// The time since an unspecified moment. It never decreases, so it can measure durations.
    #[cfg(target_arch = "wasm32")]
    pub fn monotonic() -> Duration {
        Duration::from_nanos(crate::bindings::base::wasi::clocks::monotonic_clock::now())
    }

    /// The time since an unspecified moment. It never decreases, so it can measure durations.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn monotonic() -> Duration {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        START.elapsed()
    }
}

/// Cryptographically secure random values.
pub mod random {
    /// Returns this number of random bytes.
    #[cfg(target_arch = "wasm32")]
    pub fn bytes(count: usize) -> Vec<u8> {
        crate::bindings::base::wasi::random::random::get_random_bytes(count as u64)
    }

    /// Returns this number of random bytes.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn bytes(count: usize) -> Vec<u8> {
        let chunks = std::iter::repeat_with(|| u64().to_ne_bytes());
        chunks.flatten().take(count).collect()
    }

    /// Returns a random number.
    #[cfg(target_arch = "wasm32")]
    pub fn u64() -> u64 {
        crate::bindings::base::wasi::random::random::get_random_u64()
    }

    /// Returns a random number that is good enough for tests.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn u64() -> u64 {
        use std::hash::{BuildHasher as _, RandomState};
        RandomState::new().hash_one(0)
    }
}

/// Log lines for the operator.
pub(crate) mod logging {
    use log::Level;

    #[cfg(target_arch = "wasm32")]
    use crate::bindings::base::wasi::logging::logging as host;

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn line(level: Level, message: &str) {
        let level = match level {
            Level::Error => host::Level::Error,
            Level::Warn => host::Level::Warn,
            Level::Info => host::Level::Info,
            Level::Debug => host::Level::Debug,
            Level::Trace => host::Level::Trace,
        };
        host::log(level, "", message);
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn critical(message: &str) {
        host::log(host::Level::Critical, "", message);
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn line(level: Level, message: &str) {
        let line = format!("{level} {message}");
        eprintln!("{line}");
        crate::test::world::with(|world| world.lines.push(line));
    }
}
