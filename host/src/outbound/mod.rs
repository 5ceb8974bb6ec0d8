//! Everything that leaves the host on a plugin's behalf: which destinations it may reach, the HTTP client
//! and the email sender. One gate for both ways, effects and a handler's own requests; nothing else in the
//! host connects to anything for a plugin. Knows no database and no wasm.

mod grants;

pub use grants::Grants;
