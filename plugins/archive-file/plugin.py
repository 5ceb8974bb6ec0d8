"""Archives each completed appointment as one JSON file with all fields of the event."""

from hookyard import Context, as_json, config, log, on, outbox
from hookyard.moncreneau import AppointmentCompleted


@on("appointment.completed")
def archive(ctx: Context, appointment: AppointmentCompleted) -> None:
    record = {
        "event": {"id": ctx.event_id, "type": ctx.event_type, "source": ctx.source, "created": ctx.created},
        # The name of a status is as the service writes it.
        "appointment": {**as_json(appointment), "status": appointment.status.name},
    }
    url = f"{config.require('archive_url').rstrip('/')}/{appointment.id}.json"
    headers = {"Authorization": f"Bearer {config.require('archive_token')}"}
    outbox.send_json("PUT", url, record, headers=headers)
    log.info(f"appointment {appointment.id} is archived as {url}")
