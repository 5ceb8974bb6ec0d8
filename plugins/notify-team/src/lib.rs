//! Notifies the team of each new appointment by email, at the addresses in the operator's `team`.

use hookyard_plugin::moncreneau::{AppointmentCreated, Created};
use hookyard_plugin::{Context, Failure, Result, config, export, outbox};

/// The plugin.
pub struct NotifyTeam;

export!(NotifyTeam: AppointmentCreated);

impl AppointmentCreated for NotifyTeam {
    fn handle(_ctx: Context, appointment: Created) -> Result {
        let team = config::require("team")?;
        let mut addresses = team.split(',').map(str::trim).filter(|address| !address.is_empty());
        let first = addresses.next().ok_or_else(|| Failure::reject("`team` names no address"))?;
        let (date, time) = date_and_time(&appointment.date_time);
        let email = outbox::email(first)
            .subject(format!("Nouveau rendez-vous le {date} à {time} : {}", appointment.name))
            .text(text(&appointment));
        addresses.fold(email, outbox::Email::to).send()?;
        Ok(())
    }
}

fn text(appointment: &Created) -> String {
    let Created { id, name, department_id, .. } = appointment;
    let (date, time) = date_and_time(&appointment.date_time);
    let office = match &appointment.department {
        Some(department) => department.name.clone(),
        None => format!("service {department_id}"),
    };
    let phone = appointment.phone.as_deref().unwrap_or("-");
    let email = appointment.email.as_deref().unwrap_or("-");
    format!(
        "Rendez-vous n° {id}\n\nVisiteur : {name}\nService : {office}\nDate : {date} à {time}\n\
         Téléphone : {phone}\nE-mail : {email}\n"
    )
}

/// Splits `2026-01-25T14:30:00` into `2026-01-25` and `14:30`.
fn date_and_time(text: &str) -> (&str, &str) {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    (date, time.get(..5).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::test::{Host, Outcome};

    use super::*;

    #[test]
    fn writes_to_the_whole_team() {
        let mut host = Host::new().config("team", "desk@example.gn, Chef <chef@example.gn>,");
        let handled = host.handle::<NotifyTeam>(Created::sample()).done();
        let [effect] = handled.effects.as_slice() else { panic!("{:?}", handled.effects) };
        let email = effect.email().expect("an email");
        assert_eq!(email.to, ["desk@example.gn", "Chef <chef@example.gn>"]);
        assert_eq!(email.subject, "Nouveau rendez-vous le 2026-01-25 à 14:30 : Jean Dupont");
        assert_eq!(
            email.text,
            "Rendez-vous n° 12345\n\nVisiteur : Jean Dupont\nService : Passport Service\n\
             Date : 2026-01-25 à 14:30\nTéléphone : +224621234567\nE-mail : jean.dupont@example.gn\n"
        );
    }

    #[test]
    fn does_without_what_the_event_lacks() {
        let bare = Created { department: None, phone: None, email: None, ..Created::sample() };
        let handled = Host::new().config("team", "desk@example.gn").handle::<NotifyTeam>(bare).done();
        let text = &handled.effects[0].email().expect("an email").text;
        assert!(text.contains("Service : service 5") && text.contains("Téléphone : -\nE-mail : -"), "{text}");
    }

    #[test]
    fn names_the_key_that_the_configuration_lacks() {
        let rejected = |host: Host| match { host }.handle::<NotifyTeam>(Created::sample()).outcome {
            Outcome::Rejected(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(rejected(Host::new()), "the configuration has no `team`");
        assert_eq!(rejected(Host::new().config("team", " , ")), "`team` names no address");
    }
}
