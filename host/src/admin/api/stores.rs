//! Plugins' stores: their keys, and one entry.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{Path, Query};
use super::formats::{NameText, StoreCursor};
use super::{StoreEntry, StoreKeyList, query};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::StoreFilter;
use crate::event::PluginName;
use crate::keyvalue::EntryKey;

/// Which keys to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct StoreQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<StoreCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Keys on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
    /// Only in this bucket.
    pub(in crate::admin) bucket: Option<String>,
    /// Only keys that begin so.
    pub(in crate::admin) prefix: Option<String>,
}

/// Which entry to read.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct EntryQuery {
    /// Its key.
    pub(in crate::admin) key: String,
    /// Its bucket; needed when several have the key.
    pub(in crate::admin) bucket: Option<String>,
}

/// The keys of a plugin's store, as committed. Keys and values may be personal.
#[utoipa::path(get, path = "/plugins/{name}/store", tag = "stores",
    params(("name" = inline(NameText), Path, description = "The plugin"), StoreQuery),
    responses(
        (status = 200, description = "One page", body = StoreKeyList),
        (status = 400, description = "A wrong parameter"),
        (status = 404, description = "No such plugin, and no store of that name"),
        Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Unmask>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    Query(query): Query<StoreQuery>,
) -> Result<Json<StoreKeyList>, Problem> {
    let plugin = store_of(&reader, &admin, &name).await?;
    let limit = query::limit(query.limit)? as usize;
    let after = query::cursor(query.cursor.as_deref(), parse_cursor)?;
    let filter = StoreFilter { bucket: query.bucket, prefix: query.prefix.unwrap_or_default(), after };
    let found = admin.db.stored_keys(&plugin, &filter, limit).await?;
    let last = found.last().filter(|_| found.len() >= limit);
    let next_cursor = last.map(|last| format!("{}.{}", hex::encode(&last.bucket), hex::encode(&last.key)));
    Ok(Json(StoreKeyList { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// One entry of a plugin's store, as committed.
#[utoipa::path(get, path = "/plugins/{name}/store/entry", tag = "stores",
    params(("name" = inline(NameText), Path, description = "The plugin"), EntryQuery),
    responses(
        (status = 200, description = "The entry", body = StoreEntry),
        (status = 400, description = "A wrong parameter"),
        (status = 404, description = "No such plugin or entry"),
        (status = 409, description = "Several buckets have the key"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Unmask>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    Query(query): Query<EntryQuery>,
) -> Result<Json<StoreEntry>, Problem> {
    let plugin = store_of(&reader, &admin, &name).await?;
    let EntryQuery { key, bucket } = query;
    let buckets = match bucket {
        Some(bucket) => vec![bucket],
        None => admin.db.buckets(&plugin).await?,
    };
    let mut found = Vec::new();
    for bucket in buckets {
        let entry_key = EntryKey { bucket: bucket.as_str().into(), key: key.as_str().into() };
        if let Some(entry) = admin.db.stored_entry(&plugin, &entry_key).await? {
            found.push((bucket, entry));
        }
        if found.len() > 1 {
            let names: Vec<_> = found.iter().map(|(bucket, _)| format!("`{bucket}`")).collect();
            let names = names.join(" and ");
            return Err(Problem::conflict(format!(
                "several buckets have the key `{key}`, {names}: give `bucket`"
            )));
        }
    }
    let (bucket, entry) = found.pop().ok_or_else(|| {
        Problem::not_found(format!(
            "plugin `{plugin}` has no entry `{key}`; `hookyard store list` shows its keys"
        ))
    })?;
    Ok(Json(StoreEntry::new(bucket, key, &entry.value)))
}

/// Reads a cursor: the bucket and the key of the last entry, hexadecimal.
fn parse_cursor(text: &str) -> Option<(String, String)> {
    let (bucket, key) = text.split_once('.')?;
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '.');
    let part = |text| hex::decode(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).ok();
    text.chars().all(is_hex).then_some(())?;
    Some((part(bucket)?, part(key)?))
}

/// The plugin of a store, which may be absent now.
async fn store_of(
    reader: &AllowedFor<need::Unmask>,
    admin: &AdminState,
    name: &str,
) -> Result<PluginName, Problem> {
    reader.check(name)?;
    let Ok(plugin) = PluginName::new(name) else { return Err(unknown(reader, admin, name)) };
    if admin.find_plugin(name, |plugin| reader.sees(plugin)).is_err()
        && admin.db.buckets(&plugin).await?.is_empty()
    {
        return Err(unknown(reader, admin, name));
    }
    Ok(plugin)
}

fn unknown(reader: &AllowedFor<need::Unmask>, admin: &AdminState, name: &str) -> Problem {
    let unknown = || Problem::not_found(format!("no plugin `{name}` is here"));
    admin.find_plugin(name, |plugin| reader.sees(plugin)).err().unwrap_or_else(unknown)
}
