#include <hookyard/appointment_validated.h>

#include "../../bindings/appointment_validated.h"
#include "handler.h"

EXPORT_APPOINTMENT(validated)

SAME(validated, id);
SAME(validated, department_id);
SAME(validated, department);
SAME(validated, date_time);
SAME(validated, status);
SAME(validated, name);
SAME(validated, phone);
SAME(validated, email);
SAME(validated, validated_at);
SAME(validated, validated_by);

SAME_FIELD(hy_agent, name, appointment_validated_appointments_agent_t, name);
