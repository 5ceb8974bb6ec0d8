// Confirms a booked appointment to the visitor by SMS.

import { log, on } from "@hookyard/plugin";

import { sendSms } from "./sms.ts";
import { inFrench } from "./when.ts";

export const appointmentCreated = on("appointment.created", (_ctx, appointment) => {
  const { id, name, phone, department, dateTime } = appointment;
  if (!phone) return log.info(`${id}: no phone number, so no SMS`);
  const office = department ? ` (${department.name})` : "";
  sendSms(phone, `Bonjour ${name}, votre rendez-vous n° ${id}${office} est confirmé pour le ${inFrench(dateTime)}.`);
});
