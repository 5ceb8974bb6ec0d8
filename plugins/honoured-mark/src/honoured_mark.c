// Marks an appointment as honoured, in the plugin's store and in the CRM.
#include "moncreneau/appointment_validated.h"

// The time of the check-in and the agent, by appointment.
#define HONOURED hy_str("honoured")

static hy_string mark_of(const hy_context *ctx, const moncreneau_validated *appointment) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_bool(&json, "honoured", true);
  hy_put_string(&json, "honouredAt", hy_or(appointment->validated_at, ctx->created));
  if (appointment->validated_by.is_some) hy_put_string(&json, "agent", appointment->validated_by.value.name);
  hy_end(&json);
  return hy_written(&json);
}

bool on_appointment_validated(const hy_context *ctx, const moncreneau_validated *appointment, hy_failure *failure) {
  hy_string url, id = hy_format("%" PRIu64, appointment->id);
  if (!hy_config_required(hy_str("crm_url"), &url, failure)) return false;
  hy_string token = hy_or(hy_config(hy_str("crm_token")), hy_str(""));
  hy_string entry = hy_format("%.*s/%.*s", HY_ARG(url), HY_ARG(id));
  hy_string mark = mark_of(ctx, appointment);
  hy_info("appointment %.*s was honoured", HY_ARG(id));
  return hy_store_set(HONOURED, id, mark, failure) && hy_send_json(hy_str("PATCH"), entry, token, mark, NULL, failure);
}
