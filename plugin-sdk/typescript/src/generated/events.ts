// Made from the WIT by `npm run generate`; changes belong there.

import type * as moncreneau from "./moncreneau.ts";

/** What a handler gets, by event type. */
export interface Events {
  "appointment.created": moncreneau.Created;
  "appointment.updated": moncreneau.Updated;
  "appointment.cancelled": moncreneau.Cancelled;
  "appointment.validated": moncreneau.Validated;
  "appointment.completed": moncreneau.Completed;
}
