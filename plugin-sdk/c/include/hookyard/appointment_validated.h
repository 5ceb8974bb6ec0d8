// `appointment.validated`: the visitor is here. Define on_appointment_validated.
#pragma once
#include <hookyard/appointment.h>

typedef struct {
  uint64_t id;                       // the service's id of the appointment
  uint64_t department_id;            // the office's id
  hy_optional_department department; // the office
  hy_string date_time;               // when it takes place, local to the office
  hy_status status;                  // validated, as a rule
  hy_string name;                    // the visitor's name
  hy_optional phone;                 // the visitor's
  hy_optional email;                 // the visitor's
  hy_optional validated_at;          // when they were checked in
  hy_optional_agent validated_by;    // who checked them in
} hy_appointment_validated;

bool on_appointment_validated(const hy_context *ctx, const hy_appointment_validated *appointment, hy_failure *failure);

HY_LINK_HANDLER(appointment_validated);
