//! `wasi:logging/logging`: lines go to the attempt's record.

use wasmtime::component::{ComponentType, Lift, Linker, WasmStr};
use wasmtime::{Result, StoreContextMut};

use crate::runtime::guest::{Guest, limit_lifting};
use crate::runtime::logs::Severity;

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

/// The package was used without a version before it had one.
const NAMES: [&str; 2] = ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    for name in NAMES {
        linker.instance(name)?.func_wrap("log", log)?;
    }
    Ok(())
}

/// Reads the strings where they lie in the guest's memory: a flood is not copied to be dropped.
fn log(
    mut store: StoreContextMut<'_, Guest>,
    (level, context, message): (Level, WasmStr, WasmStr),
) -> Result<()> {
    let (context, message) = (context.to_str(&store)?, message.to_str(&store)?);
    store.data().logs.push(level.into(), &context, &message);
    limit_lifting(&mut store);
    Ok(())
}
