//! Logs a line for each appointment event, in French, in English, or in both. The operator's `language`
//! selects the language (`fr`, `en`, or `both`, which is the default).

mod when;

use hookyard_plugin::log::{info, warn};
use hookyard_plugin::moncreneau::{
    AppointmentCancelled, AppointmentCompleted, AppointmentCreated, AppointmentUpdated, AppointmentValidated,
    Cancelled, Canceller, Completed, Created, Department, Status, Updated, Validated,
};
use hookyard_plugin::{Context, Failure, Result, config, export};

use when::When;

/// The plugin.
pub struct Desk;

export!(Desk: AppointmentCreated, AppointmentUpdated, AppointmentCancelled, AppointmentValidated, AppointmentCompleted);

impl AppointmentCreated for Desk {
    fn handle(_ctx: Context, appointment: Created) -> Result {
        let (name, id) = (&appointment.name, appointment.id);
        let office = office(appointment.department.as_ref(), appointment.department_id);
        let when = When::parse(&appointment.date_time)?;
        note(
            format!("Nouveau rendez-vous n° {id} : {name}, {office}, le {}", when.french()),
            format!("New appointment {id}: {name}, {office}, on {}", when.english()),
        )?;
        if appointment.phone.is_none() && appointment.email.is_none() {
            warn!("{id}: neither phone nor email, so nobody can remind {name}");
        }
        unusual(id, &appointment.status);
        Ok(())
    }
}

impl AppointmentUpdated for Desk {
    fn handle(_ctx: Context, appointment: Updated) -> Result {
        let (name, id) = (&appointment.name, appointment.id);
        let changes = appointment.changes.unwrap_or_default();
        for (field, change) in &changes {
            let from = change.from.as_deref().unwrap_or("-");
            let to = change.to.as_deref().unwrap_or("-");
            note(
                format!("Rendez-vous n° {id} ({name}) modifié : {field}, {from} → {to}"),
                format!("Appointment {id} ({name}) changed: {field}, {from} → {to}"),
            )?;
        }
        if changes.is_empty() {
            note(
                format!("Rendez-vous n° {id} ({name}) modifié"),
                format!("Appointment {id} ({name}) changed"),
            )?;
        }
        unusual(id, &appointment.status);
        Ok(())
    }
}

impl AppointmentCancelled for Desk {
    fn handle(_ctx: Context, appointment: Cancelled) -> Result {
        let (name, id) = (&appointment.name, appointment.id);
        let (par, by) = match &appointment.cancelled_by {
            Some(Canceller::User) => ("par l'usager", "by the visitor"),
            Some(Canceller::Department) => ("par le service", "by the office"),
            Some(Canceller::Agent) => ("par un agent", "by an agent"),
            Some(Canceller::System) => ("par le système", "by the system"),
            Some(Canceller::Other(who)) => (who.as_str(), who.as_str()),
            None => ("sans précision", "no one knows by whom"),
        };
        let reason = appointment.cancel_reason.as_deref().unwrap_or("-");
        let when = When::parse(&appointment.date_time)?;
        note(
            format!("Annulé {par} : n° {id}, {name} ({reason}) ; le créneau du {} est libre", when.french()),
            format!("Cancelled {by}: {id}, {name} ({reason}); {} is free again", when.english()),
        )
    }
}

impl AppointmentValidated for Desk {
    fn handle(_ctx: Context, appointment: Validated) -> Result {
        let (name, id) = (&appointment.name, appointment.id);
        let agent = appointment.validated_by.as_ref().map_or("-", |agent| agent.name.as_str());
        note(
            format!("{name} est arrivé(e), n° {id}, accueil : {agent}"),
            format!("{name} is here, {id}, received by {agent}"),
        )
    }
}

impl AppointmentCompleted for Desk {
    fn handle(_ctx: Context, appointment: Completed) -> Result {
        let (name, id) = (&appointment.name, appointment.id);
        let minutes = appointment.duration.map_or_else(|| "?".into(), |minutes| minutes.to_string());
        let notes = appointment.notes.as_deref().unwrap_or("-");
        note(
            format!("Terminé : n° {id}, {name}, {minutes} min ({notes})"),
            format!("Completed: {id}, {name}, {minutes} min ({notes})"),
        )
    }
}

/// Logs in the operator's language.
fn note(french: String, english: String) -> Result {
    match config::get("language").as_deref() {
        None | Some("both") => {
            info!("{french}");
            info!("{english}");
        }
        Some("fr") => info!("{french}"),
        Some("en") => info!("{english}"),
        Some(other) => return Err(Failure::reject(format!("language = {other:?}: use fr, en or both"))),
    }
    Ok(())
}

fn office(department: Option<&Department>, id: u64) -> String {
    department.map_or_else(|| format!("service {id}"), |department| department.name.clone())
}

/// Warns about a status that this plugin does not know.
fn unusual(id: u64, status: &Status) {
    if let Status::Other(status) = status {
        warn!("{id}: unknown status {status}");
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::log;
    use hookyard_plugin::test::logged;

    use super::*;

    fn ctx(event_type: &str) -> Context {
        Context::sample(event_type)
    }

    #[test]
    fn notes_each_event_in_both_languages() {
        let lines = logged(|| {
            <Desk as AppointmentCreated>::handle(ctx("appointment.created"), Created::sample())?;
            <Desk as AppointmentUpdated>::handle(ctx("appointment.updated"), Updated::sample())?;
            <Desk as AppointmentCancelled>::handle(ctx("appointment.cancelled"), Cancelled::sample())?;
            <Desk as AppointmentValidated>::handle(ctx("appointment.validated"), Validated::sample())?;
            <Desk as AppointmentCompleted>::handle(ctx("appointment.completed"), Completed::sample())
        });
        assert_eq!(
            lines,
            [
                "INFO Nouveau rendez-vous n° 12345 : Jean Dupont, Passport Service, le 25/01/2026 à 14 h 30",
                "INFO New appointment 12345: Jean Dupont, Passport Service, on 25 January 2026 at 14:30",
                "INFO Rendez-vous n° 12345 (Jean Dupont) modifié : dateTime, 2026-01-25T14:30:00 → 2026-01-26T10:00:00",
                "INFO Appointment 12345 (Jean Dupont) changed: dateTime, 2026-01-25T14:30:00 → 2026-01-26T10:00:00",
                "INFO Annulé par l'usager : n° 12345, Jean Dupont (Last minute impediment) ; le créneau du 25/01/2026 à 14 h 30 est libre",
                "INFO Cancelled by the visitor: 12345, Jean Dupont (Last minute impediment); 25 January 2026 at 14:30 is free again",
                "INFO Jean Dupont est arrivé(e), n° 12345, accueil : Agent Martin",
                "INFO Jean Dupont is here, 12345, received by Agent Martin",
                "INFO Terminé : n° 12345, Jean Dupont, 30 min (Document issued)",
                "INFO Completed: 12345, Jean Dupont, 30 min (Document issued)",
            ]
        );
    }

    #[test]
    fn speaks_the_operators_language_and_warns_of_what_is_odd() {
        config::set_for_test("language", "fr");
        let odd =
            Created { phone: None, email: None, status: Status::Other("MOVED".into()), ..Created::sample() };
        let lines = logged(|| <Desk as AppointmentCreated>::handle(ctx("appointment.created"), odd));
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[0].starts_with("INFO Nouveau")
                && lines[1].starts_with("WARN")
                && lines[2].contains("MOVED")
        );
    }

    #[test]
    fn rejects_a_date_that_is_none() {
        let wrong = Created { date_time: "tomorrow".into(), ..Created::sample() };
        let result = <Desk as AppointmentCreated>::handle(ctx("appointment.created"), wrong);
        assert!(matches!(result, Err(Failure::Reject(reason)) if reason.contains("tomorrow")));
        log::debug!("no line was needed");
    }
}
