"""Archives each completed appointment: one JSON file with all that the event told."""

from hookyard import Context, config, log, on, outbox
from hookyard.moncreneau import AppointmentCompleted, as_json


@on("appointment.completed")
def archive(ctx: Context, appointment: AppointmentCompleted) -> None:
    record = {
        "event": {"id": ctx.event_id, "type": ctx.event_type, "source": ctx.source, "created": ctx.created},
        "appointment": as_json(appointment),
    }
    url = f"{config.require('archive_url').rstrip('/')}/{appointment.id}.json"
    headers = {"Authorization": f"Bearer {config.require('archive_token')}"}
    outbox.send_json("PUT", url, record, headers=headers)
    log.info(f"appointment {appointment.id} is archived as {url}")
