//! A package as the templates of SDKs see it. The names of fields are the names in templates.

use serde::Serialize;

use super::export::CoreExport;
use super::shape::{Type, TypeDef};
use super::value::Value;

/// A WIT package with handlers for event types.
#[derive(Debug, Clone, Serialize)]
pub struct Package {
    /// `acme`
    pub namespace: String,
    /// `events`
    pub name: String,
    /// `1.0.0`; empty if the package has none.
    pub version: String,
    /// `acme:events@1.0.0`
    pub id: String,
    /// The name of the package's module in all languages: the namespace; and `_` and the name if that
    /// is not `events`, or if a language reserves the namespace.
    pub module: String,
    /// The documentation, without the indent and comment marks.
    pub docs: String,
    /// The interfaces that define types of payloads and are no handlers: `acme:events/orders@1.0.0`.
    pub type_interfaces: Vec<String>,
    /// These interfaces, each package as `package acme:events@1.0.0 { … }`. The text needs no other.
    pub types_text: String,
    /// The types of its payloads, each after those that it uses.
    pub types: Vec<TypeDef>,
    /// Its handlers, in the order of the text.
    pub handlers: Vec<Handler>,
}

/// A typed handler.
#[derive(Debug, Clone, Serialize)]
pub struct Handler {
    /// The event type, as the sender writes it: `order.paid`.
    pub event: String,
    /// Whether the documentation names it; without that it is the interface's name with dots.
    pub is_documented: bool,
    /// `order-paid`
    pub interface: String,
    /// `acme:events/order-paid@1.0.0`
    pub wit: String,
    /// The interface and those whose types it uses, likewise.
    pub wit_text: String,
    /// Those of [`Package::type_interfaces`] whose types it uses.
    pub type_interfaces: Vec<String>,
    /// The documentation of the interface.
    pub docs: String,
    /// The name of the payload's parameter.
    pub param: String,
    /// The payload's type.
    pub payload: Type,
    /// [`TypeDef::name`] of the payload, if it is a named type.
    pub payload_name: Option<String>,
    /// Whether the payload is a record of the package that no other handler takes.
    pub is_only_user: bool,
    /// How a core module exports it.
    pub export: CoreExport,
    /// A sample payload.
    pub sample: Value,
    /// The same as canonical JSON, in one line.
    pub sample_json: String,
    /// The sample beside the WIT: a whole event, or a payload. It is not decoded yet.
    #[serde(skip)]
    pub sample_file: Option<String>,
}

impl Package {
    /// The handler of an event type.
    #[must_use]
    pub fn handler(&self, event_type: &str) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.event == event_type)
    }

    /// Its name in the config of a source: `acme:events`.
    #[must_use]
    pub fn config_name(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }

    /// The name of its folder: `acme-events-1.0.0`.
    #[must_use]
    pub fn folder(&self) -> String {
        let name = format!("{}-{}", self.namespace, self.name);
        if self.version.is_empty() { name } else { format!("{name}-{}", self.version) }
    }
}
