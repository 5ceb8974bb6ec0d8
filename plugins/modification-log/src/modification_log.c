// Keeps a log of every modification of an appointment, and counts them.
#include <hookyard/appointment_updated.h>

// One entry per modification: APPOINTMENT/NUMBER, numbered from 1 for each appointment.
#define MODIFICATIONS hy_str("modifications")
// How many there are: by appointment, and of all in "all".
#define COUNTS hy_str("modification-counts")

static hy_string entry_of(const hy_context *ctx, const hy_appointment_updated *appointment) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_string(&json, "event", ctx->event_id);
  hy_put_string(&json, "at", hy_or(appointment->updated_at, ctx->created));
  hy_put_string(&json, "status", hy_status_text(appointment->status));
  hy_put_string(&json, "dateTime", appointment->date_time);
  hy_begin_object(&json, "changes");
  for (size_t i = 0; i < appointment->changes.count; i++) {
    const hy_change *change = &appointment->changes.items[i];
    hy_put_name(&json, change->field);
    hy_begin_object(&json, NULL);
    hy_put_optional(&json, "from", change->from);
    hy_put_optional(&json, "to", change->to);
    hy_end(&json);
  }
  hy_end(&json);
  hy_end(&json);
  return hy_written(&json);
}

bool on_appointment_updated(const hy_context *ctx, const hy_appointment_updated *appointment, hy_failure *failure) {
  hy_string id = hy_format("%" PRIu64, appointment->id);
  int64_t number;
  if (!hy_store_increment(COUNTS, id, 1, &number, failure)) return false;
  if (!hy_store_increment(COUNTS, hy_str("all"), 1, NULL, failure)) return false;
  hy_string key = hy_format("%.*s/%" PRId64, HY_ARG(id), number);
  hy_info("modification %" PRId64 " of appointment %.*s", number, HY_ARG(id));
  return hy_store_set(MODIFICATIONS, key, entry_of(ctx, appointment), failure);
}
