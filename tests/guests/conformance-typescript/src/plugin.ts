// The conformance guest in TypeScript; every SDK has one with the same behaviour. The payload's `do` names the action.

import { on, Reject } from "@hookyard/plugin";

import { actions, type Order } from "./actions.ts";
import { remember } from "./typed.ts";

export const eventHandler = on<Order>(["conformance.*"], (ctx, order) => {
  const action = actions[order.do];
  if (!action) throw new Reject(`there is no action ${order.do}`);
  action(order, ctx);
});

export const appointmentCreated = on("appointment.created", remember);
export const appointmentUpdated = on("appointment.updated", remember);
export const appointmentCancelled = on("appointment.cancelled", remember);
export const appointmentValidated = on("appointment.validated", remember);
export const appointmentCompleted = on("appointment.completed", remember);
