//! Events for `event send` and `plugin run`, made from the samples of packages.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::loaded::{LoadedPackages, load};
use super::sample::{is_event, payload_place};
use crate::cli::failure::Failure;
use crate::cli::samples::edit::replace_at;
use crate::cli::settings::Settings;
use crate::config::{FieldPlaces, Pointer, Scheme, Source};
use crate::event::SourceName;
use crate::wit::{Handler, Package};

/// A sample event of a package.
#[derive(Debug, Clone)]
pub(in crate::cli) struct PackageSample {
    /// The package's name in the config of a source: `acme:events`.
    pub(in crate::cli) package: String,
    /// `acme`
    pub(in crate::cli) namespace: String,
    event_type: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// A whole event, as its sender posts it.
    Event(String),
    /// A payload, as its text.
    Payload(String),
}

impl PackageSample {
    fn new(package: &Package, handler: &Handler) -> Self {
        let content = match &handler.sample_file {
            Some(text) if is_event(&handler.event, text) => Content::Event(text.clone()),
            Some(text) => Content::Payload(text.clone()),
            None => Content::Payload(handler.sample.as_sent().to_string()),
        };
        let (namespace, event_type) = (package.namespace.clone(), handler.event.clone());
        Self { package: package.config_name(), namespace, event_type, content }
    }

    /// A source for trials of a plugin, which sends this event.
    ///
    /// # Errors
    /// Does not happen: the names of packages are names of sources.
    pub(in crate::cli) fn trial_source(&self) -> Result<(SourceName, Source), Failure> {
        let payload = match &self.content {
            Content::Event(text) => payload_place(text),
            Content::Payload(_) => "/data",
        };
        let name = SourceName::new(&self.namespace).map_err(Failure::failed)?;
        let payload = Pointer::parse(payload).map_err(Failure::Failed)?;
        let preset = Source::preset(Scheme::MONCRENEAU, Vec::new());
        Ok((name, Source { payload, package: Some(self.package.clone()), ..preset }))
    }

    /// The same event with another body, which its sender posted.
    #[must_use]
    pub(in crate::cli) fn with_event(self, text: String) -> Self {
        Self { content: Content::Event(text), ..self }
    }

    /// The body of an event with this id and time, with everything where a source looks for it.
    ///
    /// # Errors
    /// When the source's pointers exclude each other, or a whole event has nothing at one of them.
    pub(in crate::cli) fn body(&self, source: &Source, id: &str, created: &str) -> Result<String, String> {
        let [id_at, type_at, created_at] =
            [&source.id, &source.event_type, &source.created].map(FieldPlaces::as_pointer);
        let parts = [(id_at, id), (type_at, self.event_type.as_str()), (created_at, created)];
        match &self.content {
            Content::Event(text) => {
                // What is in a header is no part of the body.
                let text = match id_at {
                    Some(at) => replace_at(text, at, &json!(id).to_string())?,
                    None => text.clone(),
                };
                // A sender may send no time.
                let dated = created_at.map(|at| replace_at(&text, at, &json!(created).to_string()));
                Ok(dated.and_then(Result::ok).unwrap_or(text))
            }
            Content::Payload(text) if source.payload.is_root() => insert(parse(text)?, parts),
            Content::Payload(text) => {
                let mut event = json!({});
                set(&mut event, &source.payload, Value::Null)?;
                let event = insert(event, parts)?;
                // As its text: numbers keep their digits.
                replace_at(&event, &source.payload, text.trim())
            }
        }
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn insert(mut event: Value, parts: [(Option<&Pointer>, &str); 3]) -> Result<String, String> {
    for (at, text) in parts.into_iter().filter_map(|(at, text)| Some((at?, text))) {
        set(&mut event, at, json!(text))?;
    }
    Ok(event.to_string())
}

/// Puts a value at a pointer, into objects that are made where there is nothing.
fn set(root: &mut Value, at: &Pointer, value: Value) -> Result<(), String> {
    let mut place = root;
    for token in at.tokens() {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let object = place.as_object_mut();
        let object = object.ok_or_else(|| format!("nothing can be put at `{at}` of the sample"))?;
        place = object.entry(token.decoded().into_owned()).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

/// The event type of a whole event.
#[must_use]
pub(in crate::cli) fn type_of(event: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(event).ok()?;
    event.get("type")?.as_str().map(str::to_owned)
}

/// Finds the sample of an event type: in these packages, or else in those of the folder `wit` of a plugin. `None` if
/// there are no packages.
///
/// # Errors
/// When a package cannot be read, or none has the event type; the message lists those that they have.
pub(in crate::cli) async fn find_sample(
    settings: &Settings,
    given: &[PathBuf],
    plugin: &Path,
    event_type: &str,
) -> Result<Option<PackageSample>, Failure> {
    let own = plugin.join("wit");
    let packages = match given {
        [] if own.is_dir() => load(settings, &[own]).await?,
        [] => return Ok(None),
        given => load(settings, given).await?,
    };
    let found = packages.handler(event_type);
    let sample = found.map(|(package, handler)| PackageSample::new(package, handler));
    if sample.is_none() && !given.is_empty() {
        return Err(Failure::Usage(missing(&packages, event_type)));
    }
    Ok(sample)
}

fn missing(packages: &LoadedPackages, event_type: &str) -> String {
    let known: Vec<_> = packages.events().collect();
    format!("no package here handles `{event_type}`; they handle {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(content: Content) -> PackageSample {
        let (package, namespace) = ("acme:events".into(), "acme".into());
        PackageSample { package, namespace, event_type: "order.paid".into(), content }
    }

    #[test]
    fn an_event_has_everything_where_its_source_looks() {
        let mut source = Source::preset(Scheme::HMAC, Vec::new());
        source.id = FieldPlaces::to(&["meta", "id"]);
        source.created = FieldPlaces::to(&["meta", "at"]);
        source.payload = Pointer::parse("/data/object").unwrap();
        let payload = sample(Content::Payload("{\"total\": 1.50}\n".into()));
        assert_eq!(
            payload.body(&source, "evt_1", "2026-01-01T00:00:00Z").unwrap(),
            r#"{"data":{"object":{"total": 1.50}},"meta":{"at":"2026-01-01T00:00:00Z","id":"evt_1"},"type":"order.paid"}"#
        );
        source.payload = Pointer::parse("").unwrap();
        assert_eq!(
            payload.body(&source, "evt_1", "now").unwrap(),
            r#"{"meta":{"at":"now","id":"evt_1"},"total":1.5,"type":"order.paid"}"#
        );
        let event = sample(Content::Event(r#"{"meta": {"id": 1}, "type": "order.paid"}"#.into()));
        let body = event.body(&source, "evt_1", "now").unwrap();
        assert_eq!(body, r#"{"meta": {"id": "evt_1"}, "type": "order.paid"}"#);
        // Nothing is below an id.
        source.payload = Pointer::parse("/meta/id/x").unwrap();
        assert!(payload.body(&source, "evt_1", "now").is_err());
    }
}
