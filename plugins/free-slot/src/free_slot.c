// Frees the slot of a cancelled appointment in the booking system, so another visitor can book it.
#include "moncreneau/appointment_cancelled.h"

static hy_string slot_of(const moncreneau_cancelled *appointment) {
  hy_json_writer json = {0};
  hy_begin_object(&json, NULL);
  hy_put_uint(&json, "appointment", appointment->id);
  hy_put_uint(&json, "department", appointment->department_id);
  if (appointment->department.is_some) hy_put_string(&json, "office", appointment->department.value.name);
  hy_put_string(&json, "dateTime", appointment->date_time);
  hy_put_string(&json, "state", hy_str("free"));
  hy_end(&json);
  return hy_written(&json);
}

bool on_appointment_cancelled(const hy_context *ctx, const moncreneau_cancelled *appointment, hy_failure *failure) {
  (void)ctx;
  hy_string url, token;
  if (!hy_config_required(hy_str("booking_url"), &url, failure)) return false;
  if (!hy_config_required(hy_str("booking_token"), &token, failure)) return false;
  hy_info("frees the slot of %.*s at office %" PRIu64, HY_ARG(appointment->date_time), appointment->department_id);
  return hy_send_json(hy_str("POST"), url, token, slot_of(appointment), NULL, failure);
}
