// Notifies visitors by SMS of changes to their appointment.

import { log, on } from "@hookyard/plugin";
import type { Change, Updated } from "@hookyard/plugin/moncreneau";

import { sendSms } from "../../confirmation-sms/src/sms.ts";
import { inFrench } from "../../confirmation-sms/src/when.ts";

export const appointmentUpdated = on("appointment.updated", (_ctx, appointment) => {
  const { id, phone } = appointment;
  if (!phone) return log.info(`${id}: no phone number, so no SMS`);
  sendSms(phone, message(appointment));
});

/** The service's fields that concern visitors, with their names in French. */
const FIELDS: Record<string, string> = {
  departmentId: "service",
  name: "nom",
  phone: "téléphone",
  email: "adresse électronique",
  status: "état",
};

function message({ id, name, dateTime, changes }: Updated): string {
  const changed = new Map(changes);
  const moved = changed.get("dateTime");
  const others = [...changed].filter(([field]) => field in FIELDS).map(([field, change]) => inWords(field, change));
  const also = others.length > 0 ? ` Modifié : ${others.join(", ")}.` : "";
  if (moved?.from) {
    return `Bonjour ${name}, votre rendez-vous n° ${id} du ${inFrench(moved.from)} est déplacé au ${inFrench(dateTime)}.${also}`;
  }
  return `Bonjour ${name}, votre rendez-vous n° ${id} a été modifié. Il a lieu le ${inFrench(dateTime)}.${also}`;
}

function inWords(field: string, { from, to }: Change): string {
  return `${FIELDS[field]} (${from ?? "-"} → ${to ?? "-"})`;
}
