// `appointment.created`: somebody has booked. Define on_appointment_created.
#pragma once
#include <hookyard/appointment.h>

typedef struct {
  uint64_t id;                       // the service's id of the appointment
  uint64_t department_id;            // the office's id
  hy_optional_department department; // the office
  hy_string date_time;               // when it takes place, local to the office
  hy_status status;                  // scheduled, as a rule
  hy_string name;                    // the visitor's name
  hy_optional phone;                 // the visitor's, with the country's prefix: +224621234567
  hy_optional email;                 // the visitor's
  hy_optional qr_code;               // where the code that the visitor shows at the desk can be had
  hy_optional created_at;            // when it was booked
  hy_optional_u32 credits_used;      // that the office paid for it
} hy_appointment_created;

bool on_appointment_created(const hy_context *ctx, const hy_appointment_created *appointment, hy_failure *failure);

HY_LINK_HANDLER(appointment_created);
