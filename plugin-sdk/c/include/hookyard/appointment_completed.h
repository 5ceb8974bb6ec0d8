// `appointment.completed`: an appointment is over. Define on_appointment_completed.
#pragma once
#include <hookyard/appointment.h>

typedef struct {
  uint64_t id;                       // the service's id of the appointment
  uint64_t department_id;            // the office's id
  hy_optional_department department; // the office
  hy_string date_time;               // when it took place, local to the office
  hy_status status;                  // completed, as a rule
  hy_string name;                    // the visitor's name
  hy_optional phone;                 // the visitor's
  hy_optional email;                 // the visitor's
  hy_optional completed_at;          // when it was over
  hy_optional_u32 duration;          // how long it took, in minutes
  hy_optional notes;                 // what the office noted
} hy_appointment_completed;

bool on_appointment_completed(const hy_context *ctx, const hy_appointment_completed *appointment, hy_failure *failure);

HY_LINK_HANDLER(appointment_completed);
