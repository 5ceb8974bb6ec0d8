//! `wasi:keyvalue/{store,atomics,batch}`: the plugin's own store, within the transaction of its call.
//!
//! Every bucket name opens a bucket of the plugin's own store. No name reaches another plugin's store.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::keyvalue::EntryKey;
use crate::runtime::budget::{OverBudget, Reservation};
use crate::runtime::state::{InstanceState, update_lift_limit};
use crate::runtime::transaction::{CallTransaction, HostCallError};

/// `store.bucket`.
struct Bucket {
    name: Arc<str>,
    _held: Reservation,
}

/// `atomics.cas`: an entry as it was read, which `swap` replaces only if it is unchanged.
struct Cas {
    key: EntryKey,
    found: Option<bytes::Bytes>,
    /// Reserves the handle's value, which later writes do not change.
    _held: Reservation,
}

/// Bytes of memory for a value in a list of results, beside its content.
const RESULT_BYTES: usize = 96;

/// `store.error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "its cases are part of the interface's type")]
enum Error {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

/// `atomics.cas-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    StoreError(Error),
    #[component(name = "cas-failed")]
    CasFailed(Resource<Cas>),
}

/// `store.key-response`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<String>,
}

type Answer<T> = std::result::Result<T, Error>;
type Context<'a> = StoreContextMut<'a, InstanceState>;
type BucketHandle = Resource<Bucket>;

/// Turns a refusal into the interface's error. Any other error ends the call.
fn to_answer<T>(result: std::result::Result<T, HostCallError>) -> Result<Answer<T>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(HostCallError::Refused(reason)) => Ok(Err(Error::Other(reason))),
        Err(HostCallError::Trap(error)) => Err(error),
    }
}

/// Copies a value for the guest.
fn copy_value(state: &InstanceState, value: &bytes::Bytes) -> Result<Vec<u8>> {
    let fits = state.budget.check(value.len());
    fits.map_err(|over| over.into_error(format_args!("wasi:keyvalue: a value of {} bytes", value.len())))?;
    Ok(value.to_vec())
}

/// Runs a body with a bucket's name, and returns its result to the guest. A macro, because a bound cannot say that the
/// future of an async closure is `Send`.
macro_rules! with_bucket {
    ($context:ident, $bucket:ident, |$state:ident, $name:ident| $body:expr) => {
        Box::new(async move {
            let $state = $context.data_mut();
            let $name = Arc::clone(&$state.table.get(&$bucket)?.name);
            let result: std::result::Result<_, HostCallError> = async { $body }.await;
            update_lift_limit(&mut $context);
            Ok((to_answer(result)?,))
        })
    };
}

/// Like `with_bucket!`, with the key of an entry.
macro_rules! with_entry {
    ($context:ident, $bucket:ident, $key:ident, |$state:ident, $entry:ident| $body:expr) => {
        with_bucket!($context, $bucket, |$state, name| {
            let $entry = $state.transaction.entry_key(&name, &$key)?;
            $body
        })
    };
}

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    add_store(&mut linker.instance("wasi:keyvalue/store@0.2.0-draft2")?)?;
    add_atomics(&mut linker.instance("wasi:keyvalue/atomics@0.2.0-draft2")?)?;
    add_batch(&mut linker.instance("wasi:keyvalue/batch@0.2.0-draft2")?)
}

fn add_store(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.resource("bucket", ResourceType::host::<Bucket>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Bucket>::new_own(rep))?;
        Ok(())
    })?;
    to.func_wrap("open", |mut context: Context<'_>, (name,): (String,)| {
        let opened = open(context.data_mut(), &name);
        update_lift_limit(&mut context);
        Ok((to_answer(opened)?,))
    })?;
    to.func_wrap_async(
        "[method]bucket.get",
        |mut context: Context<'_>, (bucket, key): (BucketHandle, String)| {
            with_entry!(context, bucket, key, |state, entry| {
                let value = state.transaction.get(&entry).await?;
                Ok(value.map(|value| copy_value(state, &value)).transpose()?)
            })
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.exists",
        |mut context: Context<'_>, (bucket, key): (BucketHandle, String)| {
            with_entry!(context, bucket, key, |state, entry| Ok(state
                .transaction
                .get(&entry)
                .await?
                .is_some()))
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.set",
        |mut context: Context<'_>, (bucket, key, value): (BucketHandle, String, Vec<u8>)| {
            with_entry!(context, bucket, key, |state, entry| state.transaction.set(entry, Some(value)).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.delete",
        |mut context: Context<'_>, (bucket, key): (BucketHandle, String)| {
            with_entry!(context, bucket, key, |state, entry| state.transaction.set(entry, None).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.list-keys",
        |mut context: Context<'_>, (bucket, cursor): (BucketHandle, Option<String>)| {
            with_bucket!(context, bucket, |state, name| {
                let page = state.transaction.list(&name, cursor.as_deref()).await?;
                let size: usize = page.keys.iter().map(|key| RESULT_BYTES + key.len()).sum();
                let fits = state.budget.check(size);
                fits.map_err(|over| over.into_error("wasi:keyvalue/store list-keys"))?;
                let cursor = page.cursor.map(|key| key.to_string());
                Ok(KeyResponse { keys: page.keys.iter().map(ToString::to_string).collect(), cursor })
            })
        },
    )
}

fn open(state: &mut InstanceState, name: &str) -> std::result::Result<BucketHandle, HostCallError> {
    let name = state.transaction.bucket_name(name)?;
    let held = state.budget.reserve(name.len());
    let held = held.map_err(|over| over.into_error("wasi:keyvalue/store open"))?;
    Ok(state.table.push(Bucket { name, _held: held }).map_err(wasmtime::Error::from)?)
}

/// Makes a `cas` handle of an entry.
fn new_cas(
    state: &mut InstanceState,
    key: EntryKey,
    found: Option<bytes::Bytes>,
) -> std::result::Result<Resource<Cas>, HostCallError> {
    let size = key.key.len() + found.as_ref().map_or(0, bytes::Bytes::len);
    let held = state.budget.reserve(size);
    let held = held.map_err(|over| {
        over.into_error(format_args!("wasi:keyvalue/atomics: a cas handle of an entry of {size} bytes"))
    })?;
    Ok(state.table.push(Cas { key, found, _held: held }).map_err(wasmtime::Error::from)?)
}

fn add_atomics(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.resource("cas", ResourceType::host::<Cas>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Cas>::new_own(rep))?;
        Ok(())
    })?;
    to.func_wrap_async(
        "increment",
        |mut context: Context<'_>, (bucket, key, delta): (BucketHandle, String, i64)| {
            with_entry!(context, bucket, key, |state, entry| {
                increment(&mut state.transaction, entry, delta).await
            })
        },
    )?;
    to.func_wrap_async(
        "[static]cas.new",
        |mut context: Context<'_>, (bucket, key): (BucketHandle, String)| {
            with_entry!(context, bucket, key, |state, entry| {
                let found = state.transaction.get(&entry).await?;
                new_cas(state, entry, found)
            })
        },
    )?;
    to.func_wrap("[method]cas.current", |context: Context<'_>, (cas,): (Resource<Cas>,)| {
        let state = context.data();
        let found = state.table.get(&cas)?.found.as_ref();
        Ok((Answer::Ok(found.map(|value| copy_value(state, value)).transpose()?),))
    })?;
    to.func_wrap_async("swap", |mut context: Context<'_>, (cas, value): (Resource<Cas>, Vec<u8>)| {
        Box::new(async move {
            let state = context.data_mut();
            let swapped = match swap(state, cas, value).await {
                Ok(None) => Ok(()),
                Ok(Some(other)) => Err(CasError::CasFailed(other)),
                Err(HostCallError::Refused(reason)) => Err(CasError::StoreError(Error::Other(reason))),
                Err(HostCallError::Trap(error)) => return Err(error),
            };
            update_lift_limit(&mut context);
            Ok((swapped,))
        })
    })
}

/// Returns a new handle if the entry has changed.
async fn swap(
    state: &mut InstanceState,
    handle: Resource<Cas>,
    value: Vec<u8>,
) -> std::result::Result<Option<Resource<Cas>>, HostCallError> {
    let Cas { key, found, _held } = state.table.delete(handle).map_err(wasmtime::Error::from)?;
    let now = state.transaction.get(&key).await?;
    // Within the transaction, only this call itself can have changed it.
    if now != found {
        return new_cas(state, key, now).map(Some);
    }
    state.transaction.set(key, Some(value)).await?;
    Ok(None)
}

fn add_batch(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.func_wrap_async(
        "get-many",
        |mut context: Context<'_>, (bucket, keys): (BucketHandle, Vec<String>)| {
            with_bucket!(context, bucket, |state, name| {
                let requested = keys.len();
                let over = |over: OverBudget| {
                    over.into_error(format_args!("wasi:keyvalue/batch get-many of {requested} keys"))
                };
                let mut size = requested * 2 * RESULT_BYTES;
                state.budget.check(size).map_err(over)?;
                let mut found = Vec::with_capacity(requested);
                for key in keys {
                    let entry = state.transaction.entry_key(&name, &key)?;
                    let value = state.transaction.get(&entry).await?;
                    size += key.len() + value.as_ref().map_or(0, bytes::Bytes::len);
                    found.push(value.map(|value| (key, value)));
                }
                // A value may be requested any number of times, and each is copied.
                state.budget.check(size).map_err(over)?;
                let copied = |(key, value): (String, bytes::Bytes)| (key, value.to_vec());
                Ok(found.into_iter().map(|found| found.map(copied)).collect::<Vec<_>>())
            })
        },
    )?;
    to.func_wrap_async(
        "set-many",
        |mut context: Context<'_>, (bucket, entries): (BucketHandle, Vec<(String, Vec<u8>)>)| {
            with_bucket!(context, bucket, |state, name| {
                for (key, value) in entries {
                    let entry = state.transaction.entry_key(&name, &key)?;
                    state.transaction.set(entry, Some(value)).await?;
                }
                Ok(())
            })
        },
    )?;
    to.func_wrap_async(
        "delete-many",
        |mut context: Context<'_>, (bucket, keys): (BucketHandle, Vec<String>)| {
            with_bucket!(context, bucket, |state, name| {
                for key in keys {
                    let entry = state.transaction.entry_key(&name, &key)?;
                    state.transaction.set(entry, None).await?;
                }
                Ok(())
            })
        },
    )
}

/// Decimal text, as other hosts keep it.
async fn increment(
    transaction: &mut CallTransaction,
    entry: EntryKey,
    delta: i64,
) -> std::result::Result<i64, HostCallError> {
    let now = match transaction.get(&entry).await? {
        None => 0,
        Some(value) => std::str::from_utf8(&value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| format!("the value of `{}` is no number", entry.key))?,
    };
    let next =
        now.checked_add(delta).ok_or_else(|| format!("`{}` would pass the limit of 64 bits", entry.key))?;
    transaction.set(entry, Some(next.to_string().into_bytes())).await?;
    Ok(next)
}
