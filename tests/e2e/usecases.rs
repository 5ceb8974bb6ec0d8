//! The provider's fifteen use cases, end to end. An SMS gateway, a CRM, a booking system, an archive, a mail
//! server and a calendar get exactly the effects that the use cases name.

mod partners;
mod samples;

use partners::{Observed, Partners};
use samples::sms;
use serde_json::{Value, json};

use crate::support::{Event, RunningHost, TYPES};

/// The request to the calendar as operators see it. The user name is a secret, also in a path.
const PUT: &str = "PUT /{secret:caldav_user}/appointments/12345.ics";

#[tokio::test]
async fn each_event_has_exactly_the_effects_of_the_use_cases() {
    let partners = Partners::start().await;
    let host = partners.start_host().await;
    let samples = play_samples(&partners, &host).await;
    let moved = play_another_change(&partners, &host, &samples).await;
    let cancelled = play_another_cancellation(&partners, &host, &moved).await;
    play_visitor_without_phone(&partners, &host, &cancelled).await;
}

async fn play_samples(partners: &Partners, host: &RunningHost<'_>) -> Observed {
    partners.send_and_wait(host, &TYPES.map(|event_type| sample(event_type, ""))).await;
    let observed = partners.observe(host).await;
    assert_eq!(observed.requests, samples::requests());
    assert_eq!(
        observed.emails,
        [json!([
            "evt_created",
            "notify-team",
            ["desk@example.gn", "head@example.gn"],
            "Nouveau rendez-vous le 2026-01-25 à 14:30 : Jean Dupont",
            "Rendez-vous n° 12345\r\n\r\nVisiteur : Jean Dupont\r\nService : Passport Service\r\n\
             Date : 2026-01-25 à 14:30\r\nTéléphone : +224621234567\r\nE-mail : jean.dupont@example.gn",
            [],
        ])]
    );
    assert_eq!(
        observed.emitted,
        [
            json!(["evt_cancelled", "refund-credits", "credits.refunded", {
                "visitor": "+224621234567", "appointment": 12345, "credits": 1, "balance": 1,
                "at": "2026-01-23T16:45:00Z",
            }]),
            json!(["evt_validated", "invoice", "invoice.created", { "number": 1, "appointment": 12345 }]),
        ]
    );
    assert_eq!(observed.calendar, [json!(["evt_updated", "calendar-update", PUT, "201 Created"])]);
    assert_eq!(partners.calendar.names().await, ["12345.ics"]);
    let object = &partners.calendar.on("20260126").await["12345.ics"];
    let change = "dateTime : 2026-01-25T14:30:00 → 2026-01-26T10:00:00";
    let expected = calendar_object(host, "evt_updated", 1, "20260126T100000Z", change).await;
    assert_eq!(sorted(object), sorted(&expected));
    assert_eq!(json!(observed.entries), samples::entries());
    observed
}

/// The appointment is moved again: the calendar has one object, in its next revision, on another day.
async fn play_another_change(partners: &Partners, host: &RunningHost<'_>, before: &Observed) -> Observed {
    let changes = json!({ "dateTime": { "from": "2026-01-26T10:00:00", "to": "2026-01-27T09:15:00" } });
    let event = sample("appointment.updated", "_again");
    let event = with(&event, &json!({ "dateTime": "2026-01-27T09:15:00", "changes": changes }));
    partners.send_and_wait(host, &[event]).await;
    let now = partners.observe(host).await;
    let new = now.since(before);
    assert_eq!(
        new.requests,
        [json!([
            "evt_updated_again",
            "change-notification",
            "POST",
            "/messages",
            "Bearer key-sms",
            sms("Bonjour Jean Dupont, votre rendez-vous n° 12345 du 26/01/2026 à 10 h 00 est déplacé au \
             27/01/2026 à 09 h 15.")
        ])]
    );
    assert_eq!(new.calendar, [json!(["evt_updated_again", "calendar-update", PUT, "204 No Content"])]);
    assert_eq!((new.emails.len(), new.emitted.len()), (0, 0));
    assert_eq!(
        json!(new.entries),
        json!({
            "calendar-update/sequences/12345": 2,
            "modification-log/modification-counts/12345": 2,
            "modification-log/modification-counts/all": 2,
            "modification-log/modifications/12345/2": {
                "event": "evt_updated_again", "at": "2026-01-22T10:15:00Z", "status": "SCHEDULED",
                "dateTime": "2026-01-27T09:15:00", "changes": changes,
            },
        })
    );
    assert_eq!(partners.calendar.names().await, ["12345.ics"]);
    assert!(partners.calendar.on("20260126").await.is_empty(), "it is not there twice");
    let object = &partners.calendar.on("20260127").await["12345.ics"];
    let change = "dateTime : 2026-01-26T10:00:00 → 2026-01-27T09:15:00";
    let expected = calendar_object(host, "evt_updated_again", 2, "20260127T091500Z", change).await;
    assert_eq!(sorted(object), sorted(&expected));
    now
}

/// Another event cancels the same appointment: partners are notified again, but the refund happens once.
async fn play_another_cancellation(
    partners: &Partners,
    host: &RunningHost<'_>,
    before: &Observed,
) -> Observed {
    partners.send_and_wait(host, &[sample("appointment.cancelled", "_again")]).await;
    let now = partners.observe(host).await;
    let new = now.since(before);
    let notified: Vec<_> = new.requests.iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(notified, ["cancellation-notice", "free-slot"]);
    assert_eq!((new.emails.len(), new.emitted.len(), new.calendar.len()), (0, 0, 0));
    assert_eq!(json!(new.entries), json!({}));
    now
}

/// A visitor with an email address in each event, and without a phone. The visitors of the samples have a phone.
async fn play_visitor_without_phone(partners: &Partners, host: &RunningHost<'_>, before: &Observed) {
    let visitor =
        json!({ "id": 777, "name": "Aïssatou Diallo", "phone": null, "email": "aissatou@example.gn" });
    let events = TYPES.map(|event_type| with(&sample(event_type, "_777"), &visitor));
    partners.send_and_wait(host, &events).await;
    let new = partners.observe(host).await.since(before);
    let asked: Vec<_> = new.requests.iter().map(|row| json!([row[1], row[2], row[3]])).collect();
    assert_eq!(
        asked,
        [
            json!(["free-slot", "POST", "/slots"]),
            json!(["archive-file", "PUT", "/appointments/777.json"]),
            json!(["crm-entry", "POST", "/entries"]),
            json!(["honoured-mark", "PATCH", "/appointments/777"]),
        ],
        "nobody is sent an SMS"
    );
    let invoice = "FACTURE n° 000002\nDate : 2026-01-25\n\nClient : Aïssatou Diallo\n\
                   Prestation : rendez-vous n° 777 du 2026-01-25 à 14:30:00, service 5\nMontant : 50 000 GNF\n";
    assert_eq!(
        new.emails,
        [
            json!([
                "evt_cancelled_777",
                "cancellation-notice",
                ["aissatou@example.gn"],
                "Rendez-vous n° 777 annulé",
                "Bonjour Aïssatou Diallo, votre rendez-vous n° 777 du 25/01/2026 à 14 h 30 est annulé à votre \
                 demande. Motif : Last minute impediment.",
                [],
            ]),
            json!([
                "evt_completed_777",
                "satisfaction-email",
                ["aissatou@example.gn"],
                "Votre avis sur votre rendez-vous",
                "Bonjour Aïssatou Diallo,\r\n\r\nVous êtes venu(e). Dites-nous en deux minutes comment cela \
                 s'est passé :\r\nhttps://survey.example.gn/visit?appointment=777\r\n\r\nMerci.",
                [],
            ]),
            json!([
                "evt_created_777",
                "notify-team",
                ["desk@example.gn", "head@example.gn"],
                "Nouveau rendez-vous le 2026-01-25 à 14:30 : Aïssatou Diallo",
                "Rendez-vous n° 777\r\n\r\nVisiteur : Aïssatou Diallo\r\nService : Passport Service\r\n\
                 Date : 2026-01-25 à 14:30\r\nTéléphone : -\r\nE-mail : aissatou@example.gn",
                [],
            ]),
            json!([
                "evt_validated_777",
                "invoice",
                ["aissatou@example.gn"],
                "Facture n° 000002",
                "Bonjour Aïssatou Diallo,\r\n\r\nvotre facture est jointe.",
                [["facture-000002.txt", "text/plain", invoice]],
            ]),
        ]
    );
    assert_eq!(
        new.emitted,
        [
            json!(["evt_cancelled_777", "refund-credits", "credits.refunded", {
                "visitor": "aissatou@example.gn", "appointment": 777, "credits": 1, "balance": 1,
                "at": "2026-01-23T16:45:00Z",
            }]),
            json!(["evt_validated_777", "invoice", "invoice.created", { "number": 2, "appointment": 777 }]),
        ]
    );
    assert_eq!(partners.calendar.names().await, ["12345.ics", "777.ics"]);
    assert_eq!(new.entries["statistics/statistics/2026-01-25/5/validated"], 2);
    assert_eq!(new.entries["invoice/invoices/000002"]["text"], invoice);
}

/// The provider's sample, with an id made of its type.
fn sample(event_type: &str, mark: &str) -> Event {
    Event::sample(event_type, &format!("{}{mark}", event_type.replace("appointment.", "evt_")))
}

/// The same event with other fields of its payload.
fn with(event: &Event, fields: &Value) -> Event {
    let mut body: Value = serde_json::from_str(&event.body).unwrap();
    for (field, value) in fields.as_object().unwrap() {
        body["data"]["object"][field] = value.clone();
    }
    Event { id: event.id.clone(), body: body.to_string() }
}

/// The lines of the samples' appointment in the calendar (RFC 5545).
async fn calendar_object(
    host: &RunningHost<'_>,
    event: &str,
    sequence: u32,
    start: &str,
    change: &str,
) -> Vec<String> {
    let received = host.event(event).await.unwrap()["received_at"].as_i64().unwrap();
    let stamp = jiff::Timestamp::from_millisecond(received).unwrap().strftime("%Y%m%dT%H%M%SZ");
    let text = format!(
        "BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//hookyard//calendar-update//FR
CALSCALE:GREGORIAN
BEGIN:VEVENT
UID:appointment-12345@moncreneau.gn
DTSTAMP:{stamp}
SEQUENCE:{sequence}
DTSTART:{start}
DURATION:PT30M
SUMMARY:Rendez-vous : Jean Dupont
DESCRIPTION:Rendez-vous n° 12345\\nTéléphone : +224621234567\\n{change}
STATUS:CONFIRMED
END:VEVENT
END:VCALENDAR"
    );
    text.lines().map(str::to_owned).collect()
}

/// Servers keep lines in an order of their own.
fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines: Vec<_> = lines.iter().collect();
    lines.sort();
    lines
}
