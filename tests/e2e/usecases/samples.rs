//! The expected effects and entries of the five samples.

use serde_json::{Value, json};

/// HTTP requests, without those to the calendar.
pub(super) fn requests() -> [Value; 8] {
    [
        json!([
            "evt_cancelled",
            "cancellation-notice",
            "POST",
            "/messages",
            "Bearer key-sms",
            sms(
                "Bonjour Jean Dupont, votre rendez-vous n° 12345 du 25/01/2026 à 14 h 30 est annulé à votre \
             demande. Motif : Last minute impediment."
            )
        ]),
        json!(["evt_cancelled", "free-slot", "POST", "/slots", "Bearer key-booking", {
            "appointment": 12345, "department": 5, "dateTime": "2026-01-25T14:30:00", "state": "free",
        }]),
        json!(["evt_completed", "archive-file", "PUT", "/appointments/12345.json", "Bearer key-archive", {
            "event": {
                "id": "evt_completed", "type": "appointment.completed", "source": "moncreneau",
                "created": "2026-01-25T15:00:00Z",
            },
            "appointment": {
                "id": 12345, "departmentId": 5, "department": null, "dateTime": "2026-01-25T14:30:00",
                "status": "COMPLETED", "name": "Jean Dupont", "phone": "+224621234567", "email": null,
                "completedAt": "2026-01-25T15:00:00Z", "duration": 30, "notes": "Document issued",
            },
        }]),
        json!([
            "evt_completed",
            "feedback-request",
            "POST",
            "/messages",
            "Bearer key-sms",
            sms("Bonjour Jean Dupont, comment s'est passé votre rendez-vous ? \
             https://example.gn/avis?appointment=12345")
        ]),
        json!([
            "evt_created",
            "confirmation-sms",
            "POST",
            "/messages",
            "Bearer key-sms",
            sms("Bonjour Jean Dupont, votre rendez-vous n° 12345 (Passport Service) est confirmé pour le \
             25/01/2026 à 14 h 30.")
        ]),
        json!(["evt_created", "crm-entry", "POST", "/entries", "Bearer key-crm", {
            "contact": {
                "name": "Jean Dupont", "phone": "+224621234567", "email": "jean.dupont@example.gn",
            },
            "appointment": {
                "id": 12345, "dateTime": "2026-01-25T14:30:00", "status": "SCHEDULED",
                "bookedAt": "2026-01-21T14:30:00Z",
                "office": {
                    "id": 5, "name": "Passport Service", "organization": "Ministry of Interior",
                },
            },
            "source": "moncreneau",
        }]),
        json!([
            "evt_updated",
            "change-notification",
            "POST",
            "/messages",
            "Bearer key-sms",
            sms("Bonjour Jean Dupont, votre rendez-vous n° 12345 du 25/01/2026 à 14 h 30 est déplacé au \
             26/01/2026 à 10 h 00.")
        ]),
        json!(["evt_validated", "honoured-mark", "PATCH", "/appointments/12345", "Bearer key-crm", {
            "honoured": true, "honouredAt": "2026-01-25T14:35:00Z", "agent": "Agent Martin",
        }]),
    ]
}

/// In the plugins' stores.
pub(super) fn entries() -> Value {
    json!({
        "calendar-update/sequences/12345": 1,
        "honoured-mark/honoured/12345": {
            "honoured": true, "honouredAt": "2026-01-25T14:35:00Z", "agent": "Agent Martin",
        },
        "invoice/counters/invoice": 1,
        "invoice/invoices/000001": {
            "number": 1, "date": "2026-01-25", "appointment": 12345, "visitor": "Jean Dupont",
            "office": "service 5", "price": "50 000 GNF", "event": "evt_validated",
            "text": "FACTURE n° 000001\nDate : 2026-01-25\n\nClient : Jean Dupont\n\
                     Prestation : rendez-vous n° 12345 du 2026-01-25 à 14:30:00, service 5\n\
                     Montant : 50 000 GNF\n",
        },
        "modification-log/modification-counts/12345": 1,
        "modification-log/modification-counts/all": 1,
        "modification-log/modifications/12345/1": {
            "event": "evt_updated", "at": "2026-01-22T10:15:00Z", "status": "SCHEDULED",
            "dateTime": "2026-01-26T10:00:00",
            "changes": { "dateTime": { "from": "2026-01-25T14:30:00", "to": "2026-01-26T10:00:00" } },
        },
        "refund-credits/balances/+224621234567": 1,
        "refund-credits/ledger/+224621234567/000001": {
            "appointment": 12345, "credits": 1, "balance": 1, "at": "2026-01-23T16:45:00Z",
        },
        "refund-credits/ledger/+224621234567/last": 1,
        "refund-credits/refunds/12345": "evt_cancelled",
        "statistics/statistics/2026-01-25/5/booked": 1,
        "statistics/statistics/2026-01-25/5/credits": 1,
        "statistics/statistics/2026-01-25/5/minutes": 30,
        "statistics/statistics/2026-01-25/5/validated": 1,
        "statistics/statistics/2026-01-25/5/visited": 1,
    })
}

/// A request to the gateway for the samples' visitor.
pub(super) fn sms(text: &str) -> Value {
    json!({ "to": "+224621234567", "from": "Passeports", "text": text })
}
