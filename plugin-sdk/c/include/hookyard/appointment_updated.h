// `appointment.updated`: something about an appointment has changed. Define on_appointment_updated.
#pragma once
#include <hookyard/appointment.h>

// One field before and after. Values that are no text are JSON.
typedef struct {
  hy_string field;  // by the service's name for it: dateTime
  hy_optional from; // none where it was not set
  hy_optional to;   // none where it is not set any more
} hy_change;

typedef struct {
  bool is_some;
  const hy_change *items;
  size_t count;
} hy_optional_changes;

typedef struct {
  uint64_t id;                       // the service's id of the appointment
  uint64_t department_id;            // the office's id
  hy_optional_department department; // the office
  hy_string date_time;               // when it takes place now, local to the office
  hy_status status;                  // where it stands now
  hy_string name;                    // the visitor's name
  hy_optional phone;                 // the visitor's
  hy_optional email;                 // the visitor's
  hy_optional updated_at;            // when it was changed
  hy_optional_changes changes;       // the fields that have changed
} hy_appointment_updated;

bool on_appointment_updated(const hy_context *ctx, const hy_appointment_updated *appointment, hy_failure *failure);

HY_LINK_HANDLER(appointment_updated);
