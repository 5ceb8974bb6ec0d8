// Stores a log entry for every modification of an appointment, and counts the modifications.
#include "moncreneau/appointment_updated.h"

// One entry per modification, with the key APPOINTMENT/NUMBER, numbered from 1 for each appointment.
#define MODIFICATIONS hy_str("modifications")
// The number of modifications by appointment, and the total in "all".
#define COUNTS hy_str("modification-counts")

// The status as the service writes it.
static hy_string status_text(moncreneau_status status) {
  switch (status.kind) {
    case MONCRENEAU_STATUS_SCHEDULED: return hy_str("SCHEDULED");
    case MONCRENEAU_STATUS_CANCELLED: return hy_str("CANCELLED");
    case MONCRENEAU_STATUS_VALIDATED: return hy_str("VALIDATED");
    case MONCRENEAU_STATUS_COMPLETED: return hy_str("COMPLETED");
    case MONCRENEAU_STATUS_NO_SHOW: return hy_str("NO_SHOW");
    default: return status.other;
  }
}

static hy_string entry_of(const hy_context *ctx, const moncreneau_updated *appointment) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_string(&json, "event", ctx->event_id);
  hy_put_string(&json, "at", hy_or(appointment->updated_at, ctx->created));
  hy_put_string(&json, "status", status_text(appointment->status));
  hy_put_string(&json, "dateTime", appointment->date_time);
  hy_begin_object(&json, "changes");
  hy_map_moncreneau_change changes = appointment->changes.value; // empty if there are none
  for (size_t i = 0; i < changes.count; i++) {
    hy_put_name(&json, changes.items[i].name);
    hy_begin_object(&json, NULL);
    hy_put_optional(&json, "from", changes.items[i].value.from);
    hy_put_optional(&json, "to", changes.items[i].value.to);
    hy_end(&json);
  }
  hy_end(&json);
  hy_end(&json);
  return hy_written(&json);
}

bool on_appointment_updated(const hy_context *ctx, const moncreneau_updated *appointment, hy_failure *failure) {
  hy_string id = hy_format("%" PRIu64, appointment->id);
  int64_t number;
  if (!hy_store_increment(COUNTS, id, 1, &number, failure)) return false;
  if (!hy_store_increment(COUNTS, hy_str("all"), 1, NULL, failure)) return false;
  hy_string key = hy_format("%.*s/%" PRId64, HY_ARG(id), number);
  hy_info("modification %" PRId64 " of appointment %.*s", number, HY_ARG(id));
  return hy_store_set(MODIFICATIONS, key, entry_of(ctx, appointment), failure);
}
