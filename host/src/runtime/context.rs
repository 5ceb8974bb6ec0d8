//! The `context` record: filled by field name, for as many of its fields as this component has.

use wasmtime::component::{Type, Val};

use super::text::{self, NAME_MAX_BYTES};

use crate::delivery::Delivery;

/// Fields that a component's own `context` may have, those included that this host does not know.
const FIELDS_MAX: usize = 64;

/// The fields of a component's own `context`, in its order.
#[derive(Debug, Clone)]
pub(super) struct ContextPlan(Vec<(String, Part)>);

/// What the host knows of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
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
    /// Walks a component's `context` type.
    ///
    /// # Errors
    /// Names a field that this host cannot fill, with what it expected.
    pub(super) fn of(ty: &Type) -> Result<Self, String> {
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
            .map(|field| Ok((field.name.to_owned(), Part::of(field.name, &field.ty)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The record for one attempt.
    pub(super) fn fill(&self, delivery: &Delivery, attempt: u32) -> Val {
        let event = &delivery.event;
        let value = |part: &Part| match part {
            Part::EventId => Val::String(event.id.clone()),
            Part::EventType => Val::String(event.event_type.clone()),
            Part::Source => Val::String(event.source.to_string()),
            Part::Created => Val::String(event.created.clone()),
            Part::ReceivedAt => Val::U64(event.received_at),
            Part::IdempotencyKey => Val::String(delivery.idempotency_key()),
            Part::Attempt => Val::U32(attempt),
            Part::Unknown => Val::Option(None),
        };
        Val::Record(self.0.iter().map(|(name, part)| (name.clone(), value(part))).collect())
    }
}

impl Part {
    fn of(name: &str, ty: &Type) -> Result<Self, String> {
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
                    text::name(name),
                    super::plan::type_name(ty)
                ));
            }
        };
        Ok(known)
    }
}
