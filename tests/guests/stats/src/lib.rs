//! Logs figures about bookings and visits: the days and credits of a booking, the minutes of a visit. Its work is
//! small and has a native counterpart in `tests/bench/native.rs`.

mod days;

use hookyard_plugin::log::info;
use hookyard_plugin::moncreneau::{AppointmentCompleted, AppointmentCreated, Completed, Created};
use hookyard_plugin::{Context, Result, export};

struct Stats;

export!(Stats: AppointmentCreated, AppointmentCompleted);

impl AppointmentCreated for Stats {
    fn handle(_ctx: Context, appointment: Created) -> Result {
        let booked = appointment.created_at.as_deref().and_then(days::day);
        let ahead = days::day(&appointment.date_time).zip(booked).map(|(day, booked)| day - booked);
        let ahead = ahead.map_or_else(|| "?".into(), |days| days.to_string());
        let credits = appointment.credits_used.unwrap_or_default();
        info!("booked department={} days_ahead={ahead} credits={credits}", appointment.department_id);
        Ok(())
    }
}

impl AppointmentCompleted for Stats {
    fn handle(_ctx: Context, appointment: Completed) -> Result {
        let minutes = appointment.duration.map_or_else(|| "?".into(), |minutes| minutes.to_string());
        info!("visited department={} minutes={minutes}", appointment.department_id);
        Ok(())
    }
}
