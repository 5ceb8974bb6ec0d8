//! `wasi:keyvalue/{store,atomics,batch}`: the plugin's own store, within the transaction of its call.
//!
//! Every bucket name opens a bucket, in the plugin's own store: there is no name for another's.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::keyvalue::EntryKey;
use crate::runtime::budget::{OverBudget, Reservation};
use crate::runtime::guest::{Guest, limit_lifting};
use crate::runtime::work::{Denial, Working};

/// `store.bucket`: a name.
struct Bucket {
    name: Arc<str>,
    _held: Reservation,
}

/// `atomics.cas`: an entry as it was found, to be replaced only if it is still so.
struct Cas {
    key: EntryKey,
    found: Option<bytes::Bytes>,
    /// The value stays for as long as the handle, whatever is written meanwhile.
    _held: Reservation,
}

/// What a value in a list of results takes beside its content.
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
type Context<'a> = StoreContextMut<'a, Guest>;
type Held = Resource<Bucket>;

/// The interface's answer, or the end of the call.
fn answer<T>(result: std::result::Result<T, Denial>) -> Result<Answer<T>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Denial::Refused(reason)) => Ok(Err(Error::Other(reason))),
        Err(Denial::Ended(error)) => Err(error),
    }
}

/// Copies a value for the guest.
fn copy(guest: &Guest, value: &bytes::Bytes) -> Result<Vec<u8>> {
    let fits = guest.budget.check(value.len());
    fits.map_err(|over| over.asked_for(format_args!("wasi:keyvalue: a value of {} bytes", value.len())))?;
    Ok(value.to_vec())
}

/// Does something with a bucket, and what it is refused for becomes the interface's error. A macro,
/// because the future of an async closure cannot be said to be `Send`.
macro_rules! with_bucket {
    ($context:ident, $bucket:ident, |$guest:ident, $name:ident| $body:expr) => {
        Box::new(async move {
            let $guest = $context.data_mut();
            let $name = Arc::clone(&$guest.table.get(&$bucket)?.name);
            let result: std::result::Result<_, Denial> = async { $body }.await;
            limit_lifting(&mut $context);
            Ok((answer(result)?,))
        })
    };
}

/// As `with_bucket!`, with an entry of it.
macro_rules! with_entry {
    ($context:ident, $bucket:ident, $key:ident, |$guest:ident, $entry:ident| $body:expr) => {
        with_bucket!($context, $bucket, |$guest, name| {
            let $entry = $guest.work.key(&name, &$key)?;
            $body
        })
    };
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    store(&mut linker.instance("wasi:keyvalue/store@0.2.0-draft2")?)?;
    atomics(&mut linker.instance("wasi:keyvalue/atomics@0.2.0-draft2")?)?;
    batch(&mut linker.instance("wasi:keyvalue/batch@0.2.0-draft2")?)
}

fn store(to: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    to.resource("bucket", ResourceType::host::<Bucket>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Bucket>::new_own(rep))?;
        Ok(())
    })?;
    to.func_wrap("open", |mut context: Context<'_>, (name,): (String,)| {
        let opened = open(context.data_mut(), &name);
        limit_lifting(&mut context);
        Ok((answer(opened)?,))
    })?;
    to.func_wrap_async("[method]bucket.get", |mut context: Context<'_>, (bucket, key): (Held, String)| {
        with_entry!(context, bucket, key, |guest, entry| {
            let value = guest.work.get(&entry).await?;
            Ok(value.map(|value| copy(guest, &value)).transpose()?)
        })
    })?;
    to.func_wrap_async(
        "[method]bucket.exists",
        |mut context: Context<'_>, (bucket, key): (Held, String)| {
            with_entry!(context, bucket, key, |guest, entry| Ok(guest.work.get(&entry).await?.is_some()))
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.set",
        |mut context: Context<'_>, (bucket, key, value): (Held, String, Vec<u8>)| {
            with_entry!(context, bucket, key, |guest, entry| guest.work.set(entry, Some(value)).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.delete",
        |mut context: Context<'_>, (bucket, key): (Held, String)| {
            with_entry!(context, bucket, key, |guest, entry| guest.work.set(entry, None).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.list-keys",
        |mut context: Context<'_>, (bucket, cursor): (Held, Option<String>)| {
            with_bucket!(context, bucket, |guest, name| {
                let page = guest.work.list(&name, cursor.as_deref()).await?;
                let size: usize = page.keys.iter().map(|key| RESULT_BYTES + key.len()).sum();
                let fits = guest.budget.check(size);
                fits.map_err(|over| over.asked_for("wasi:keyvalue/store list-keys"))?;
                let cursor = page.cursor.map(|key| key.to_string());
                Ok(KeyResponse { keys: page.keys.iter().map(ToString::to_string).collect(), cursor })
            })
        },
    )
}

fn open(guest: &mut Guest, name: &str) -> std::result::Result<Held, Denial> {
    let name = guest.work.bucket(name)?;
    let held = guest.budget.reserve(name.len());
    let held = held.map_err(|over| over.asked_for("wasi:keyvalue/store open"))?;
    Ok(guest.table.push(Bucket { name, _held: held }).map_err(wasmtime::Error::from)?)
}

/// A handle of an entry as it is now.
fn cas(
    guest: &mut Guest,
    key: EntryKey,
    found: Option<bytes::Bytes>,
) -> std::result::Result<Resource<Cas>, Denial> {
    let size = key.key.len() + found.as_ref().map_or(0, bytes::Bytes::len);
    let held = guest.budget.reserve(size);
    let held = held.map_err(|over| {
        over.asked_for(format_args!("wasi:keyvalue/atomics: a cas handle of an entry of {size} bytes"))
    })?;
    Ok(guest.table.push(Cas { key, found, _held: held }).map_err(wasmtime::Error::from)?)
}

fn atomics(to: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    to.resource("cas", ResourceType::host::<Cas>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Cas>::new_own(rep))?;
        Ok(())
    })?;
    to.func_wrap_async(
        "increment",
        |mut context: Context<'_>, (bucket, key, delta): (Held, String, i64)| {
            with_entry!(context, bucket, key, |guest, entry| {
                increment(&mut guest.work, entry, delta).await
            })
        },
    )?;
    to.func_wrap_async("[static]cas.new", |mut context: Context<'_>, (bucket, key): (Held, String)| {
        with_entry!(context, bucket, key, |guest, entry| {
            let found = guest.work.get(&entry).await?;
            cas(guest, entry, found)
        })
    })?;
    to.func_wrap("[method]cas.current", |context: Context<'_>, (cas,): (Resource<Cas>,)| {
        let guest = context.data();
        let found = guest.table.get(&cas)?.found.as_ref();
        Ok((Answer::Ok(found.map(|value| copy(guest, value)).transpose()?),))
    })?;
    to.func_wrap_async("swap", |mut context: Context<'_>, (cas, value): (Resource<Cas>, Vec<u8>)| {
        Box::new(async move {
            let guest = context.data_mut();
            let swapped = match swap(guest, cas, value).await {
                Ok(None) => Ok(()),
                Ok(Some(other)) => Err(CasError::CasFailed(other)),
                Err(Denial::Refused(reason)) => Err(CasError::StoreError(Error::Other(reason))),
                Err(Denial::Ended(error)) => return Err(error),
            };
            limit_lifting(&mut context);
            Ok((swapped,))
        })
    })
}

/// Returns a new handle where the entry is another than the one of the handle.
async fn swap(
    guest: &mut Guest,
    handle: Resource<Cas>,
    value: Vec<u8>,
) -> std::result::Result<Option<Resource<Cas>>, Denial> {
    let Cas { key, found, _held } = guest.table.delete(handle).map_err(wasmtime::Error::from)?;
    let now = guest.work.get(&key).await?;
    // Another call cannot have changed it without ending this one; this one may have, since.
    if now != found {
        return cas(guest, key, now).map(Some);
    }
    guest.work.set(key, Some(value)).await?;
    Ok(None)
}

fn batch(to: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    to.func_wrap_async("get-many", |mut context: Context<'_>, (bucket, keys): (Held, Vec<String>)| {
        with_bucket!(context, bucket, |guest, name| {
            let asked = keys.len();
            let over = |over: OverBudget| {
                over.asked_for(format_args!("wasi:keyvalue/batch get-many of {asked} keys"))
            };
            let mut size = asked * 2 * RESULT_BYTES;
            guest.budget.check(size).map_err(over)?;
            let mut found = Vec::with_capacity(asked);
            for key in keys {
                let entry = guest.work.key(&name, &key)?;
                let value = guest.work.get(&entry).await?;
                size += key.len() + value.as_ref().map_or(0, bytes::Bytes::len);
                found.push(value.map(|value| (key, value)));
            }
            // The same value may be asked for any number of times, and each becomes a copy.
            guest.budget.check(size).map_err(over)?;
            let copied = |(key, value): (String, bytes::Bytes)| (key, value.to_vec());
            Ok(found.into_iter().map(|found| found.map(copied)).collect::<Vec<_>>())
        })
    })?;
    to.func_wrap_async(
        "set-many",
        |mut context: Context<'_>, (bucket, entries): (Held, Vec<(String, Vec<u8>)>)| {
            with_bucket!(context, bucket, |guest, name| {
                for (key, value) in entries {
                    let entry = guest.work.key(&name, &key)?;
                    guest.work.set(entry, Some(value)).await?;
                }
                Ok(())
            })
        },
    )?;
    to.func_wrap_async("delete-many", |mut context: Context<'_>, (bucket, keys): (Held, Vec<String>)| {
        with_bucket!(context, bucket, |guest, name| {
            for key in keys {
                let entry = guest.work.key(&name, &key)?;
                guest.work.set(entry, None).await?;
            }
            Ok(())
        })
    })
}

/// Decimal text, as other hosts keep it.
async fn increment(work: &mut Working, entry: EntryKey, delta: i64) -> std::result::Result<i64, Denial> {
    let now = match work.get(&entry).await? {
        None => 0,
        Some(value) => std::str::from_utf8(&value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| format!("the value of `{}` is no number", entry.key))?,
    };
    let next =
        now.checked_add(delta).ok_or_else(|| format!("`{}` would pass the limit of 64 bits", entry.key))?;
    work.set(entry, Some(next.to_string().into_bytes())).await?;
    Ok(next)
}
