// Asks visitors for feedback on their appointment, by email.

import { config, log, on, outbox } from "@hookyard/plugin";

export const appointmentCompleted = on("appointment.completed", (_ctx, appointment) => {
  const { id, name, email, department } = appointment;
  if (!email) return log.info(`${id}: no email address, so no survey`);
  const link = surveyLink(config.require("survey_url"), id);
  const office = department ? ` au service ${department.name}` : "";
  outbox.sendEmail({
    to: email,
    subject: "Votre avis sur votre rendez-vous",
    text: `Bonjour ${name},\n\nVous êtes venu(e)${office}. Dites-nous en deux minutes comment cela s'est passé :\n${link}\n\nMerci.\n`,
    html:
      `<p>Bonjour ${escape(name)},</p>` +
      `<p>Vous êtes venu(e)${escape(office)}. <a href="${escape(link)}">Dites-nous en deux minutes</a> comment cela s'est passé.</p>` +
      `<p>Merci.</p>`,
  });
});

function surveyLink(url: string, id: bigint): string {
  return `${url}${url.includes("?") ? "&" : "?"}appointment=${id}`;
}

/** Escapes HTML, because a name may contain any text. */
function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
