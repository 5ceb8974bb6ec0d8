#include <hookyard/appointment_created.h>

#include "../../bindings/appointment_created.h"
#include "handler.h"

EXPORT_APPOINTMENT(created)

SAME(created, id);
SAME(created, department_id);
SAME(created, department);
SAME(created, date_time);
SAME(created, status);
SAME(created, name);
SAME(created, phone);
SAME(created, email);
SAME(created, qr_code);
SAME(created, created_at);
SAME(created, credits_used);

// What the others have too is checked here once.
SAME_FIELD(hy_department, name, appointment_created_appointments_department_t, name);
SAME_FIELD(hy_department, organization, appointment_created_appointments_department_t, organization);
SAME_FIELD(hy_organization, name, appointment_created_appointments_organization_t, name);
SAME_FIELD(hy_status, other, appointment_created_appointments_status_t, val);
_Static_assert(HY_STATUS_SCHEDULED == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_SCHEDULED &&
                   HY_STATUS_CANCELLED == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_CANCELLED &&
                   HY_STATUS_VALIDATED == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_VALIDATED &&
                   HY_STATUS_COMPLETED == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_COMPLETED &&
                   HY_STATUS_NO_SHOW == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_NO_SHOW &&
                   HY_STATUS_OTHER == APPOINTMENT_CREATED_APPOINTMENTS_STATUS_OTHER,
               "statuses are not in the order of the WIT");
