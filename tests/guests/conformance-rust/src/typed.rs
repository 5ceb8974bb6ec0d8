//! The typed handlers. Each stores its payload in the bucket `typed`, under the appointment's id.

use hookyard_plugin::moncreneau::{
    Agent, AppointmentCancelled, AppointmentCompleted, AppointmentCreated, AppointmentUpdated,
    AppointmentValidated, Cancelled, Canceller, Change, Completed, Created, Department, Status, Updated,
    Validated,
};
use hookyard_plugin::{Context, Result, store};
use serde_json::{Map, Value, json};

use crate::Conformance;

/// Defines a handler that stores these fields under the provider's names.
macro_rules! keeps {
    ($handler:ident: $payload:ident { $($name:literal: $field:ident $(by $convert:expr)?),* $(,)? }) => {
        impl $handler for Conformance {
            fn handle(_ctx: Context, payload: $payload) -> Result {
                let $payload { id, department_id, department, date_time, status, name, phone, email, $($field),* } = payload;
                let record = json!({
                    "id": id,
                    "departmentId": department_id,
                    "department": department.map(office),
                    "dateTime": date_time,
                    "status": status_text(status),
                    "name": name,
                    "phone": phone,
                    "email": email,
                    $($name: $field$(.map($convert))?,)*
                });
                Ok(store::open("typed")?.set_json(&id.to_string(), &record)?)
            }
        }
    };
}

keeps!(AppointmentCreated: Created {
    "qrCode": qr_code, "createdAt": created_at, "creditsUsed": credits_used,
});
keeps!(AppointmentUpdated: Updated { "updatedAt": updated_at, "changes": changes by changed });
keeps!(AppointmentCancelled: Cancelled {
    "cancelledAt": cancelled_at, "cancelledBy": cancelled_by by canceller, "cancelReason": cancel_reason,
    "creditsRefunded": credits_refunded,
});
keeps!(AppointmentValidated: Validated { "validatedAt": validated_at, "validatedBy": validated_by by agent });
keeps!(AppointmentCompleted: Completed {
    "completedAt": completed_at, "duration": duration, "notes": notes,
});

fn office(department: Department) -> Value {
    let organization = department.organization.map(|body| json!({ "id": body.id, "name": body.name }));
    json!({ "id": department.id, "name": department.name, "organization": organization })
}

fn agent(agent: Agent) -> Value {
    json!({ "id": agent.id, "name": agent.name })
}

fn changed(changes: Vec<(String, Change)>) -> Map<String, Value> {
    let value = |(field, Change { from, to })| (field, json!({ "from": from, "to": to }));
    changes.into_iter().map(value).collect()
}

/// A status as the provider writes it.
fn status_text(status: Status) -> String {
    match status {
        Status::Scheduled => "SCHEDULED".into(),
        Status::Cancelled => "CANCELLED".into(),
        Status::Validated => "VALIDATED".into(),
        Status::Completed => "COMPLETED".into(),
        Status::NoShow => "NO_SHOW".into(),
        Status::Other(text) => text,
    }
}

fn canceller(canceller: Canceller) -> String {
    match canceller {
        Canceller::User => "user".into(),
        Canceller::Department => "department".into(),
        Canceller::Agent => "agent".into(),
        Canceller::System => "system".into(),
        Canceller::Other(text) => text,
    }
}
