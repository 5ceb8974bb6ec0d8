#include <hookyard/appointment_cancelled.h>

#include "../../bindings/appointment_cancelled.h"
#include "handler.h"

EXPORT_APPOINTMENT(cancelled)

SAME(cancelled, id);
SAME(cancelled, department_id);
SAME(cancelled, department);
SAME(cancelled, date_time);
SAME(cancelled, status);
SAME(cancelled, name);
SAME(cancelled, phone);
SAME(cancelled, email);
SAME(cancelled, cancelled_at);
SAME(cancelled, cancelled_by);
SAME(cancelled, cancel_reason);
SAME(cancelled, credits_refunded);

#define CANCELLER(name) EXPORTS_MONCRENEAU_EVENTS_APPOINTMENT_CANCELLED_CANCELLER_##name

SAME_FIELD(hy_canceller, other, exports_moncreneau_events_appointment_cancelled_canceller_t, val);
_Static_assert(HY_CANCELLED_BY_USER == CANCELLER(USER) && HY_CANCELLED_BY_DEPARTMENT == CANCELLER(DEPARTMENT) &&
                   HY_CANCELLED_BY_AGENT == CANCELLER(AGENT) && HY_CANCELLED_BY_SYSTEM == CANCELLER(SYSTEM) &&
                   HY_CANCELLED_BY_OTHER == CANCELLER(OTHER),
               "cancellers are not in the order of the WIT");
