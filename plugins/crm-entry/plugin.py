"""Enters each new appointment into a CRM: the visitor as a contact, and what they booked."""

from hookyard import Context, config, log, on, outbox
from hookyard.moncreneau import AppointmentCreated


@on("appointment.created")
def enter(ctx: Context, appointment: AppointmentCreated) -> None:
    entry = {
        "contact": {"name": appointment.name, "phone": appointment.phone, "email": appointment.email},
        "appointment": {
            "id": appointment.id,
            "dateTime": appointment.date_time,
            "status": appointment.status,
            "office": office(appointment),
            "bookedAt": appointment.created_at or ctx.created,
        },
        "source": ctx.source,
    }
    headers = {"Authorization": f"Bearer {config.require('crm_token')}"}
    outbox.send_json("POST", config.require("crm_url"), entry, headers=headers)
    log.info(f"appointment {appointment.id} goes to the CRM")


def office(appointment: AppointmentCreated) -> dict[str, object]:
    """The office by name, as far as the event has names."""
    department = appointment.department
    if department is None:
        return {"id": appointment.department_id}
    organization = department.organization
    return {
        "id": department.id,
        "name": department.name,
        "organization": organization and organization.name,
    }
