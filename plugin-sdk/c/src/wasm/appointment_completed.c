#include <hookyard/appointment_completed.h>

#include "../../bindings/appointment_completed.h"
#include "handler.h"

EXPORT_APPOINTMENT(completed)

SAME(completed, id);
SAME(completed, department_id);
SAME(completed, department);
SAME(completed, date_time);
SAME(completed, status);
SAME(completed, name);
SAME(completed, phone);
SAME(completed, email);
SAME(completed, completed_at);
SAME(completed, duration);
SAME(completed, notes);
