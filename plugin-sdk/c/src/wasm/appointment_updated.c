#include <hookyard/appointment_updated.h>

#include "../../bindings/appointment_updated.h"
#include "handler.h"

EXPORT_APPOINTMENT(updated)

SAME(updated, id);
SAME(updated, department_id);
SAME(updated, department);
SAME(updated, date_time);
SAME(updated, status);
SAME(updated, name);
SAME(updated, phone);
SAME(updated, email);
SAME(updated, updated_at);
SAME(updated, changes);

#define TUPLE exports_moncreneau_events_appointment_updated_tuple2_string_change_t
#define CHANGES exports_moncreneau_events_appointment_updated_option_list_tuple2_string_change_t

SAME_SIZE(hy_change, TUPLE);
SAME_FIELD(hy_change, field, TUPLE, f0);
SAME_FIELD(hy_change, from, TUPLE, f1.from);
SAME_FIELD(hy_change, to, TUPLE, f1.to);
SAME_FIELD(hy_optional_changes, items, CHANGES, val.ptr);
SAME_FIELD(hy_optional_changes, count, CHANGES, val.len);
