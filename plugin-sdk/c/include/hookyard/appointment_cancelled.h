// `appointment.cancelled`: an appointment was called off. Define on_appointment_cancelled.
#pragma once
#include <hookyard/appointment.h>

typedef struct {
  bool is_some;
  hy_canceller value;
} hy_optional_canceller;

typedef struct {
  uint64_t id;                        // the service's id of the appointment
  uint64_t department_id;             // the office's id
  hy_optional_department department;  // the office
  hy_string date_time;                // when it would have taken place, local to the office
  hy_status status;                   // cancelled, as a rule
  hy_string name;                     // the visitor's name
  hy_optional phone;                  // the visitor's
  hy_optional email;                  // the visitor's
  hy_optional cancelled_at;           // when it was called off
  hy_optional_canceller cancelled_by; // who called it off
  hy_optional cancel_reason;          // why, in their words
  hy_optional_u32 credits_refunded;   // given back to the office
} hy_appointment_cancelled;

bool on_appointment_cancelled(const hy_context *ctx, const hy_appointment_cancelled *appointment, hy_failure *failure);

HY_LINK_HANDLER(appointment_cancelled);
