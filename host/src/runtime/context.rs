//! The `context` record of a call. A component may have some of its fields only; they are filled by name.

use wasmtime::component::{Type, Val};

use super::text::{self, NAME_MAX_BYTES};

use crate::delivery::Delivery;

/// The maximum of fields in a component's own `context`, known and unknown.
const FIELDS_MAX: usize = 64;

/// The fields of a component's own `context`, in its order.
#[derive(Debug, Clone)]
pub(super) struct ContextPlan(Vec<(String, ContextField)>);

/// A field of the context.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ContextField {
    EventId,
    EventType,
    Source,
    Created,
    ReceivedAt,
    IdempotencyKey,
    Attempt,
    /// An optional field that this host does not know.
    Unknown,
}

impl ContextPlan {
    /// Finds the fields of a component's `context` type.
    ///
    /// # Errors
    /// Names a field that this host cannot fill, with what it expected.
    pub(super) fn from_type(ty: &Type) -> Result<Self, String> {
        let Type::Record(record) = ty else {
            return Err(format!(
                "its first parameter is {}, expected the record context",
                super::plan::type_name(ty)
            ));
        };
        let count = record.fields().len();
        if count > FIELDS_MAX {
            return Err(format!("its context has {count} fields, at most {FIELDS_MAX}"));
        }
        record
            .fields()
            .map(|field| Ok((field.name.to_owned(), ContextField::from_type(field.name, &field.ty)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The record for one attempt at a delivery.
    pub(super) fn to_value(&self, delivery: &Delivery, attempt: u32) -> Val {
        let event = &delivery.event;
        let value = |field: &ContextField| match field {
            ContextField::EventId => Val::String(event.id.clone()),
            ContextField::EventType => Val::String(event.event_type.clone()),
            ContextField::Source => Val::String(event.source.to_string()),
            ContextField::Created => Val::String(event.created.clone()),
            ContextField::ReceivedAt => Val::U64(event.received_at),
            ContextField::IdempotencyKey => Val::String(delivery.idempotency_key()),
            ContextField::Attempt => Val::U32(attempt),
            ContextField::Unknown => Val::Option(None),
        };
        Val::Record(self.0.iter().map(|(name, field)| (name.clone(), value(field))).collect())
    }
}

impl ContextField {
    fn from_type(name: &str, ty: &Type) -> Result<Self, String> {
        let known = match (name, ty) {
            ("event-id", Type::String) => Self::EventId,
            ("event-type", Type::String) => Self::EventType,
            ("source", Type::String) => Self::Source,
            ("created", Type::String) => Self::Created,
            ("received-at", Type::U64) => Self::ReceivedAt,
            ("idempotency-key", Type::String) => Self::IdempotencyKey,
            ("attempt", Type::U32) => Self::Attempt,
            (name, Type::Option(_)) if name.len() <= NAME_MAX_BYTES => Self::Unknown,
            _ => {
                return Err(format!(
                    "this host has no context.{} of type {}",
                    text::truncate_name(name),
                    super::plan::type_name(ty)
                ));
            }
        };
        Ok(known)
    }
}
