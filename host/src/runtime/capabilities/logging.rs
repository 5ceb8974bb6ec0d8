//! `wasi:logging/logging`: lines go to the attempt's log.

use wasmtime::component::{ComponentType, Lift, Linker, WasmStr};
use wasmtime::{Result, StoreContextMut};

use crate::runtime::logs::Severity;
use crate::runtime::state::{InstanceState, update_lift_limit};

/// The interface's `level`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[expect(dead_code, reason = "the guest makes them")]
#[component(enum)]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
            Level::Critical => Self::Critical,
        }
    }
}

/// Toolchains used the package without a version before it had one.
const NAMES: [&str; 2] = ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    for name in NAMES {
        linker.instance(name)?.func_wrap("log", log)?;
    }
    Ok(())
}

/// Reads the strings in the guest's memory, so that text beyond the log's limit is not copied.
fn log(
    mut store: StoreContextMut<'_, InstanceState>,
    (level, context, message): (Level, WasmStr, WasmStr),
) -> Result<()> {
    let (context, message) = (context.to_str(&store)?, message.to_str(&store)?);
    store.data().log.push(level.into(), &context, &message);
    update_lift_limit(&mut store);
    Ok(())
}
