//! Counts bookings and visits by day and department in the plugin's store.
//!
//! The bucket `statistics` has keys `DAY/DEPARTMENT/FIGURE` such as `2026-01-25/5/validated`. Each value is
//! a number as text. The day is that of the appointment.

mod days;

use hookyard_plugin::log::info;
use hookyard_plugin::moncreneau::{
    AppointmentCompleted, AppointmentCreated, AppointmentValidated, Completed, Created, Validated,
};
use hookyard_plugin::store::{self, Bucket};
use hookyard_plugin::{Context, OrReject as _, Result, export};

use days::day;

/// The plugin.
pub struct Statistics;

export!(Statistics: AppointmentCreated, AppointmentValidated, AppointmentCompleted);

impl AppointmentCreated for Statistics {
    fn handle(_ctx: Context, appointment: Created) -> Result {
        let figures = Figures::of(&appointment.date_time, appointment.department_id)?;
        let booked = appointment.created_at.as_deref().and_then(|text| day(text).ok());
        let ahead = booked.map(|booked| figures.day - booked);
        let credits = appointment.credits_used.unwrap_or_default();
        figures.add("booked", 1)?;
        figures.add("credits", credits.into())?;
        let ahead = ahead.map_or_else(|| "?".into(), |days| days.to_string());
        info!("booked department={} days_ahead={ahead} credits={credits}", appointment.department_id);
        Ok(())
    }
}

impl AppointmentValidated for Statistics {
    fn handle(_ctx: Context, appointment: Validated) -> Result {
        let figures = Figures::of(&appointment.date_time, appointment.department_id)?;
        let count = figures.add("validated", 1)?;
        info!("validated department={} count={count}", appointment.department_id);
        Ok(())
    }
}

impl AppointmentCompleted for Statistics {
    fn handle(_ctx: Context, appointment: Completed) -> Result {
        let figures = Figures::of(&appointment.date_time, appointment.department_id)?;
        figures.add("visited", 1)?;
        if let Some(minutes) = appointment.duration {
            figures.add("minutes", minutes.into())?;
        }
        let minutes = appointment.duration.map_or_else(|| "?".into(), |minutes| minutes.to_string());
        info!("visited department={} minutes={minutes}", appointment.department_id);
        Ok(())
    }
}

/// The figures of one day in one department.
struct Figures {
    bucket: Bucket,
    day: i64,
    prefix: String,
}

impl Figures {
    fn of(date_time: &str, department: u64) -> std::result::Result<Self, hookyard_plugin::Failure> {
        let day = day(date_time).or_reject()?;
        let prefix = format!("{}/{department}", &date_time[..10]);
        Ok(Self { bucket: store::open("statistics")?, day, prefix })
    }

    fn add(&self, figure: &str, number: i64) -> std::result::Result<i64, store::Error> {
        self.bucket.increment(&format!("{}/{figure}", self.prefix), number)
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::test::{Host, Outcome};

    use super::*;

    #[test]
    fn counts_by_day_and_department() {
        let mut host = Host::new();
        for department_id in [5, 5, 7] {
            host.handle::<Statistics>(Validated { department_id, ..Validated::sample() }).done();
        }
        let next_day = Validated { date_time: "2026-01-26T08:00:00".into(), ..Validated::sample() };
        let handled = host.handle::<Statistics>(next_day).done();
        assert_eq!(handled.lines, ["INFO validated department=5 count=1"]);
        for (key, number) in [
            ("2026-01-25/5/validated", "2"),
            ("2026-01-25/7/validated", "1"),
            ("2026-01-26/5/validated", "1"),
        ] {
            assert_eq!(host.text("statistics", key).as_deref(), Some(number), "{key}");
        }
    }

    #[test]
    fn adds_up_bookings_credits_visits_and_minutes() {
        let mut host = Host::new();
        let lines = host.handle::<Statistics>(Created::sample()).done().lines;
        assert_eq!(lines, ["INFO booked department=5 days_ahead=4 credits=1"]);
        let bare = Created { created_at: None, credits_used: None, ..Created::sample() };
        let lines = host.handle::<Statistics>(bare).done().lines;
        assert_eq!(lines, ["INFO booked department=5 days_ahead=? credits=0"]);
        let lines = host.handle::<Statistics>(Completed::sample()).done().lines;
        assert_eq!(lines, ["INFO visited department=5 minutes=30"]);
        let lines =
            host.handle::<Statistics>(Completed { duration: None, ..Completed::sample() }).done().lines;
        assert_eq!(lines, ["INFO visited department=5 minutes=?"]);
        for (figure, number) in [("booked", "2"), ("credits", "1"), ("visited", "2"), ("minutes", "30")] {
            let key = format!("2026-01-25/5/{figure}");
            assert_eq!(host.text("statistics", &key).as_deref(), Some(number), "{key}");
        }
    }

    #[test]
    fn rejects_a_date_that_is_none() {
        let wrong = Validated { date_time: "tomorrow".into(), ..Validated::sample() };
        let handled = Host::new().handle::<Statistics>(wrong);
        assert_eq!(handled.outcome, Outcome::Rejected("\"tomorrow\" begins with no date".into()));
    }
}
