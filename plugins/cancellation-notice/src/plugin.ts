// Notifies visitors of a cancelled appointment, by SMS and by email as far as the event has a number and an address.

import { log, on, outbox } from "@hookyard/plugin";
import type { Cancelled } from "@hookyard/plugin/moncreneau";

import { sendSms } from "../../confirmation-sms/src/sms.ts";
import { inFrench } from "../../confirmation-sms/src/when.ts";

export const appointmentCancelled = on("appointment.cancelled", (_ctx, appointment) => {
  const { id, phone, email } = appointment;
  const text = message(appointment);
  if (phone) sendSms(phone, text);
  if (email) outbox.sendEmail({ to: email, subject: `Rendez-vous n° ${id} annulé`, text: `${text}\n` });
  if (!phone && !email) log.warn(`${id}: neither phone nor email, so nobody was told`);
});

function message({ id, name, dateTime, cancelledBy, cancelReason }: Cancelled): string {
  const own = cancelledBy?.tag === "user" ? " à votre demande" : "";
  const reason = cancelReason ? ` Motif : ${cancelReason}.` : "";
  return `Bonjour ${name}, votre rendez-vous n° ${id} du ${inFrench(dateTime)} est annulé${own}.${reason}`;
}
