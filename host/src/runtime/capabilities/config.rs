//! `wasi:config/store`: the plugin's `config` and `secrets` from the host's configuration.

use wasmtime::component::{ComponentType, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

use crate::runtime::state::InstanceState;

/// The interface's `error`; reading a map in memory never fails.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "upstream")]
    #[expect(dead_code, reason = "part of the interface's type")]
    Upstream(String),
    #[component(name = "io")]
    #[expect(dead_code, reason = "part of the interface's type")]
    Io(String),
}

type Answer<T> = Result<(std::result::Result<T, Error>,)>;

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    let mut store = linker.instance("wasi:config/store@0.2.0-rc.1")?;
    store.func_wrap(
        "get",
        |store: StoreContextMut<'_, InstanceState>, (key,): (String,)| -> Answer<Option<String>> {
            Ok((Ok(store.data().config.get(&key).cloned()),))
        },
    )?;
    store.func_wrap(
        "get-all",
        |store: StoreContextMut<'_, InstanceState>, (): ()| -> Answer<Vec<(String, String)>> {
            let all = store.data().config.iter().map(|(key, value)| (key.clone(), value.clone()));
            Ok((Ok(all.collect()),))
        },
    )
}
