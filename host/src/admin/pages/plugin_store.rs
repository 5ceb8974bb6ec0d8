//! The store of a plugin: its keys, and one entry.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::json;
use super::plugins::plugin_path;
use super::shell::{Page, Section, Shell};
use super::ui::bytes;
use super::visit::Visit;
use super::words::PluginWords;
use crate::admin::api::StoreKey;
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::stores::{self, EntryQuery, StoreQuery};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Keys on a page.
const LIMIT: u32 = 50;

#[derive(Template)]
#[template(path = "store.html")]
struct StorePage {
    shell: Shell,
    w: PluginWords,
    name: String,
    path: String,
    query: StorePageQuery,
    keys: Vec<Key>,
    more: Option<String>,
    entry: Option<Entry>,
}

struct Key {
    key: String,
    bucket: String,
    size: String,
    /// The address of its entry.
    path: String,
    is_shown: bool,
}

struct Entry {
    key: String,
    bucket: String,
    size: String,
    value: String,
    is_text: bool,
}

/// The parameters of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StorePageQuery {
    prefix: String,
    cursor: String,
    /// The entry that is shown.
    key: String,
    bucket: String,
}

/// `GET /plugins/{name}/store`
pub(super) async fn show(
    reader: AllowedFor<need::Unmask>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
    Query(query): Query<StorePageQuery>,
) -> Result<Response, Problem> {
    let w = PluginWords(visit.language);
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wanted = StoreQuery {
        cursor: text(&query.cursor),
        limit: Some(LIMIT),
        prefix: text(&query.prefix),
        ..StoreQuery::default()
    };
    let found =
        stores::list(reader.clone(), State(admin.clone()), Path(name.clone()), Query(wanted)).await?.0;
    let shell = Shell::new(&admin, &visit, Section::Plugins, w.store_of(&name));
    let language = shell.language;
    let entry = if query.key.is_empty() {
        None
    } else {
        let wanted = EntryQuery { key: query.key.clone(), bucket: text(&query.bucket) };
        let entry = stores::show(reader, State(admin), Path(name.clone()), Query(wanted)).await?.0;
        let is_text = entry.value.is_some();
        let value = entry.value.map(|text| json::for_page(&text)).or(entry.base64).unwrap_or_default();
        let (key, bucket, size) = (entry.key, entry.bucket, bytes(language, entry.bytes));
        Some(Entry { key, bucket, size, value, is_text })
    };
    let path = format!("{}/store", plugin_path(&name));
    let address = |pairs: &[(&str, &str)]| {
        let set = pairs.iter().filter(|(_, value)| !value.is_empty());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(set).finish();
        format!("{path}?{query}")
    };
    let key = |key: StoreKey| {
        let (prefix, cursor) = (query.prefix.as_str(), query.cursor.as_str());
        let to = [("prefix", prefix), ("cursor", cursor), ("bucket", &key.bucket), ("key", &key.key)];
        Key {
            path: format!("{}#entry", address(&to)),
            size: bytes(language, key.bytes),
            is_shown: entry.as_ref().is_some_and(|shown| shown.key == key.key && shown.bucket == key.bucket),
            key: key.key,
            bucket: key.bucket,
        }
    };
    let more = found.next_cursor.map(|cursor| address(&[("prefix", &query.prefix), ("cursor", &cursor)]));
    let keys = found.items.into_iter().map(key).collect();
    Ok(Page(StorePage { shell, w, name, path, query, keys, more, entry }).into_response())
}
