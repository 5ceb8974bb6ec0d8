//! `wasi:keyvalue/{store,atomics,batch}`: the plugin's own store, within the transaction of its call.
//!
//! Every bucket name opens a bucket, in the plugin's own store: there is no name for another's.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

use crate::keyvalue::EntryKey;
use crate::runtime::guest::Guest;
use crate::runtime::work::Working;

/// `store.bucket`: a name.
struct Bucket(Arc<str>);

/// `atomics.cas`: an entry as it was found, to be replaced only if it is still so.
struct Cas {
    key: EntryKey,
    found: Option<bytes::Bytes>,
}

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

/// Does something with a bucket, and what it is refused for becomes the interface's error. A macro,
/// because the future of an async closure cannot be said to be `Send`.
macro_rules! with_bucket {
    ($context:ident, $bucket:ident, |$work:ident, $name:ident| $body:expr) => {
        Box::new(async move {
            let guest = $context.data_mut();
            let $name = Arc::clone(&guest.table.get(&$bucket)?.0);
            let $work = &mut guest.work;
            let answer: std::result::Result<_, String> = async { $body }.await;
            Ok((answer.map_err(Error::Other),))
        })
    };
}

/// As `with_bucket!`, with an entry of it.
macro_rules! with_entry {
    ($context:ident, $bucket:ident, $key:ident, |$work:ident, $entry:ident| $body:expr) => {
        with_bucket!($context, $bucket, |$work, name| {
            let $entry = $work.key(&name, &$key)?;
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
        let bucket = match context.data().work.bucket(&name) {
            Ok(name) => Ok(context.data_mut().table.push(Bucket(name))?),
            Err(reason) => Err(Error::Other(reason)),
        };
        Ok((bucket,))
    })?;
    to.func_wrap_async("[method]bucket.get", |mut context: Context<'_>, (bucket, key): (Held, String)| {
        with_entry!(context, bucket, key, |work, entry| Ok(work.get(&entry).await?.map(Vec::from)))
    })?;
    to.func_wrap_async(
        "[method]bucket.exists",
        |mut context: Context<'_>, (bucket, key): (Held, String)| {
            with_entry!(context, bucket, key, |work, entry| Ok(work.get(&entry).await?.is_some()))
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.set",
        |mut context: Context<'_>, (bucket, key, value): (Held, String, Vec<u8>)| {
            with_entry!(context, bucket, key, |work, entry| work.set(entry, Some(value)).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.delete",
        |mut context: Context<'_>, (bucket, key): (Held, String)| {
            with_entry!(context, bucket, key, |work, entry| work.set(entry, None).await)
        },
    )?;
    to.func_wrap_async(
        "[method]bucket.list-keys",
        |mut context: Context<'_>, (bucket, cursor): (Held, Option<String>)| {
            with_bucket!(context, bucket, |work, name| {
                let (keys, cursor) = work.list(&name, cursor.as_deref()).await?;
                Ok(KeyResponse { keys: keys.iter().map(ToString::to_string).collect(), cursor })
            })
        },
    )
}

fn atomics(to: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    to.resource("cas", ResourceType::host::<Cas>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Cas>::new_own(rep))?;
        Ok(())
    })?;
    to.func_wrap_async(
        "increment",
        |mut context: Context<'_>, (bucket, key, delta): (Held, String, i64)| {
            with_entry!(context, bucket, key, |work, entry| increment(work, entry, delta).await)
        },
    )?;
    to.func_wrap_async("[static]cas.new", |mut context: Context<'_>, (bucket, key): (Held, String)| {
        Box::new(async move {
            let guest = context.data_mut();
            let name = Arc::clone(&guest.table.get(&bucket)?.0);
            let found = async {
                let key = guest.work.key(&name, &key)?;
                let found = guest.work.get(&key).await?;
                Ok(Cas { key, found })
            };
            let found: std::result::Result<Cas, String> = found.await;
            let cas = match found {
                Ok(cas) => Ok(guest.table.push(cas)?),
                Err(reason) => Err(Error::Other(reason)),
            };
            Ok((cas,))
        })
    })?;
    to.func_wrap("[method]cas.current", |context: Context<'_>, (cas,): (Resource<Cas>,)| {
        let found = context.data().table.get(&cas)?.found.as_ref();
        Ok((Answer::Ok(found.map(|value| value.to_vec())),))
    })?;
    to.func_wrap_async("swap", |mut context: Context<'_>, (cas, value): (Resource<Cas>, Vec<u8>)| {
        Box::new(async move {
            let guest = context.data_mut();
            let Cas { key, found } = guest.table.delete(cas)?;
            let failed = |reason| Err(CasError::StoreError(Error::Other(reason)));
            let swapped = match guest.work.get(&key).await {
                // Another call cannot have changed it without ending this one; this one may have, since.
                Ok(now) if now != found => {
                    Err(CasError::CasFailed(guest.table.push(Cas { key, found: now })?))
                }
                Ok(_) => guest.work.set(key, Some(value)).await.or_else(failed),
                Err(reason) => failed(reason),
            };
            Ok((swapped,))
        })
    })
}

fn batch(to: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    to.func_wrap_async("get-many", |mut context: Context<'_>, (bucket, keys): (Held, Vec<String>)| {
        with_bucket!(context, bucket, |work, name| {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let entry = work.key(&name, &key)?;
                let value = work.get(&entry).await?;
                found.push(value.map(|value| (key, Vec::from(value))));
            }
            Ok(found)
        })
    })?;
    to.func_wrap_async(
        "set-many",
        |mut context: Context<'_>, (bucket, entries): (Held, Vec<(String, Vec<u8>)>)| {
            with_bucket!(context, bucket, |work, name| {
                for (key, value) in entries {
                    let entry = work.key(&name, &key)?;
                    work.set(entry, Some(value)).await?;
                }
                Ok(())
            })
        },
    )?;
    to.func_wrap_async("delete-many", |mut context: Context<'_>, (bucket, keys): (Held, Vec<String>)| {
        with_bucket!(context, bucket, |work, name| {
            for key in keys {
                let entry = work.key(&name, &key)?;
                work.set(entry, None).await?;
            }
            Ok(())
        })
    })
}

/// Decimal text, as other hosts keep it.
async fn increment(work: &mut Working, entry: EntryKey, delta: i64) -> std::result::Result<i64, String> {
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
