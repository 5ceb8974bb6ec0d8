//! The provider's sample events, as a handler gets them.

use super::{
    Agent, Cancelled, Canceller, Change, Completed, Created, Department, Organization, Status, Updated,
    Validated,
};

#[expect(clippy::unnecessary_wraps, reason = "most fields of the samples are optional")]
fn some(text: &str) -> Option<String> {
    Some(text.into())
}

fn passport_service() -> Department {
    let organization = Organization { id: 1, name: "Ministry of Interior".into() };
    Department { id: 5, name: "Passport Service".into(), organization: Some(organization) }
}

fn moved() -> Change {
    Change { from: some("2026-01-25T14:30:00"), to: some("2026-01-26T10:00:00") }
}

impl Created {
    /// The sample of `appointment.created`.
    pub fn sample() -> Self {
        Self {
            id: 12345,
            department_id: 5,
            department: Some(passport_service()),
            date_time: "2026-01-25T14:30:00".into(),
            status: Status::Scheduled,
            name: "Jean Dupont".into(),
            phone: some("+224621234567"),
            email: some("jean.dupont@example.gn"),
            qr_code: some("https://moncreneau.gn/qr/12345"),
            created_at: some("2026-01-21T14:30:00Z"),
            credits_used: Some(1),
        }
    }
}

impl Updated {
    /// The sample of `appointment.updated`.
    pub fn sample() -> Self {
        Self {
            id: 12345,
            department_id: 5,
            department: None,
            date_time: "2026-01-26T10:00:00".into(),
            status: Status::Scheduled,
            name: "Jean Dupont".into(),
            phone: some("+224621234567"),
            email: None,
            updated_at: some("2026-01-22T10:15:00Z"),
            changes: Some(vec![("dateTime".into(), moved())]),
        }
    }
}

impl Cancelled {
    /// The sample of `appointment.cancelled`.
    pub fn sample() -> Self {
        Self {
            id: 12345,
            department_id: 5,
            department: None,
            date_time: "2026-01-25T14:30:00".into(),
            status: Status::Cancelled,
            name: "Jean Dupont".into(),
            phone: some("+224621234567"),
            email: None,
            cancelled_at: some("2026-01-23T16:45:00Z"),
            cancelled_by: Some(Canceller::User),
            cancel_reason: some("Last minute impediment"),
            credits_refunded: Some(1),
        }
    }
}

impl Validated {
    /// The sample of `appointment.validated`.
    pub fn sample() -> Self {
        Self {
            id: 12345,
            department_id: 5,
            department: None,
            date_time: "2026-01-25T14:30:00".into(),
            status: Status::Validated,
            name: "Jean Dupont".into(),
            phone: some("+224621234567"),
            email: None,
            validated_at: some("2026-01-25T14:35:00Z"),
            validated_by: Some(Agent { id: 42, name: "Agent Martin".into() }),
        }
    }
}

impl Completed {
    /// The sample of `appointment.completed`.
    pub fn sample() -> Self {
        Self {
            id: 12345,
            department_id: 5,
            department: None,
            date_time: "2026-01-25T14:30:00".into(),
            status: Status::Completed,
            name: "Jean Dupont".into(),
            phone: some("+224621234567"),
            email: None,
            completed_at: some("2026-01-25T15:00:00Z"),
            duration: Some(30),
            notes: some("Document issued"),
        }
    }
}
