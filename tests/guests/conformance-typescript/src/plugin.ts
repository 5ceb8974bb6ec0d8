// The conformance suite's plugin: the same behaviours in every language, each asked for by an event's `do`.

import { log, on } from "@hookyard/plugin";

import { actions, type Order } from "./actions.ts";
import { remember } from "./typed.ts";

export const eventHandler = on<Order>(["conformance.*"], (ctx, order) => {
  const action = order.do === undefined ? undefined : actions[order.do];
  if (action) action(order, ctx);
  else log.info(`nothing to do for ${ctx.eventType}`); // the event that `outbox` emits comes here as well
});

export const appointmentCreated = on("appointment.created", remember);
export const appointmentUpdated = on("appointment.updated", remember);
export const appointmentCancelled = on("appointment.cancelled", remember);
export const appointmentValidated = on("appointment.validated", remember);
export const appointmentCompleted = on("appointment.completed", remember);
