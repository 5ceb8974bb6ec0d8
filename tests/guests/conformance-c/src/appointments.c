// The typed handlers. Each stores every field of its payload, under the appointment's id.
#include "moncreneau/appointment_cancelled.h"
#include "moncreneau/appointment_completed.h"
#include "moncreneau/appointment_created.h"
#include "moncreneau/appointment_updated.h"
#include "moncreneau/appointment_validated.h"

// The status as the service writes it.
static hy_string status_text(moncreneau_status status) {
  switch (status.kind) {
    case MONCRENEAU_STATUS_SCHEDULED: return hy_str("SCHEDULED");
    case MONCRENEAU_STATUS_CANCELLED: return hy_str("CANCELLED");
    case MONCRENEAU_STATUS_VALIDATED: return hy_str("VALIDATED");
    case MONCRENEAU_STATUS_COMPLETED: return hy_str("COMPLETED");
    case MONCRENEAU_STATUS_NO_SHOW: return hy_str("NO_SHOW");
    default: return status.other;
  }
}

// The party as the service writes it.
static hy_string canceller_text(moncreneau_canceller canceller) {
  return canceller.kind == MONCRENEAU_CANCELLER_OTHER ? canceller.other : hy_name_of_moncreneau_canceller(canceller);
}

static void put_department(hy_json_writer *json, hy_optional_moncreneau_department department) {
  if (!department.is_some) {
    hy_put_null(json, "department");
    return;
  }
  hy_begin_object(json, "department");
  hy_put_uint(json, "id", department.value.id);
  hy_put_string(json, "name", department.value.name);
  if (department.value.organization.is_some) {
    hy_begin_object(json, "organization");
    hy_put_uint(json, "id", department.value.organization.value.id);
    hy_put_string(json, "name", department.value.organization.value.name);
    hy_end(json);
  } else {
    hy_put_null(json, "organization");
  }
  hy_end(json);
}

static void put_number(hy_json_writer *json, const char *name, hy_optional_u32 number) {
  if (number.is_some) hy_put_uint(json, name, number.value);
  else hy_put_null(json, name);
}

static void put_changes(hy_json_writer *json, hy_optional_map_moncreneau_change changes) {
  if (!changes.is_some) {
    hy_put_null(json, "changes");
    return;
  }
  hy_begin_object(json, "changes");
  for (size_t i = 0; i < changes.value.count; i++) {
    hy_put_name(json, changes.value.items[i].name);
    hy_begin_object(json, NULL);
    hy_put_optional(json, "from", changes.value.items[i].value.from);
    hy_put_optional(json, "to", changes.value.items[i].value.to);
    hy_end(json);
  }
  hy_end(json);
}

// The fields that all five records have. The records have different types.
#define COMMON_FIELDS(json, appointment)                             \
  hy_begin_object(&json, NULL);                                      \
  hy_put_uint(&json, "id", appointment->id);                         \
  hy_put_uint(&json, "departmentId", appointment->department_id);    \
  put_department(&json, appointment->department);                    \
  hy_put_string(&json, "dateTime", appointment->date_time);          \
  hy_put_string(&json, "status", status_text(appointment->status)); \
  hy_put_string(&json, "name", appointment->name);                   \
  hy_put_optional(&json, "phone", appointment->phone);               \
  hy_put_optional(&json, "email", appointment->email)

static bool store(hy_json_writer *json, uint64_t id, hy_failure *failure) {
  hy_end(json);
  return hy_store_set(hy_str("typed"), hy_format("%" PRIu64, id), hy_written(json), failure);
}

bool on_appointment_created(const hy_context *ctx, const moncreneau_created *appointment, hy_failure *failure) {
  (void)ctx;
  hy_json_writer json = {0};
  COMMON_FIELDS(json, appointment);
  hy_put_optional(&json, "qrCode", appointment->qr_code);
  hy_put_optional(&json, "createdAt", appointment->created_at);
  put_number(&json, "creditsUsed", appointment->credits_used);
  return store(&json, appointment->id, failure);
}

bool on_appointment_updated(const hy_context *ctx, const moncreneau_updated *appointment, hy_failure *failure) {
  (void)ctx;
  hy_json_writer json = {0};
  COMMON_FIELDS(json, appointment);
  hy_put_optional(&json, "updatedAt", appointment->updated_at);
  put_changes(&json, appointment->changes);
  return store(&json, appointment->id, failure);
}

bool on_appointment_cancelled(const hy_context *ctx, const moncreneau_cancelled *appointment, hy_failure *failure) {
  (void)ctx;
  hy_json_writer json = {0};
  COMMON_FIELDS(json, appointment);
  hy_put_optional(&json, "cancelledAt", appointment->cancelled_at);
  hy_optional_moncreneau_canceller by = appointment->cancelled_by;
  hy_put_optional(&json, "cancelledBy", by.is_some ? hy_some(canceller_text(by.value)) : hy_none());
  hy_put_optional(&json, "cancelReason", appointment->cancel_reason);
  put_number(&json, "creditsRefunded", appointment->credits_refunded);
  return store(&json, appointment->id, failure);
}

bool on_appointment_validated(const hy_context *ctx, const moncreneau_validated *appointment, hy_failure *failure) {
  (void)ctx;
  hy_json_writer json = {0};
  COMMON_FIELDS(json, appointment);
  hy_put_optional(&json, "validatedAt", appointment->validated_at);
  if (appointment->validated_by.is_some) {
    hy_begin_object(&json, "validatedBy");
    hy_put_uint(&json, "id", appointment->validated_by.value.id);
    hy_put_string(&json, "name", appointment->validated_by.value.name);
    hy_end(&json);
  } else {
    hy_put_null(&json, "validatedBy");
  }
  return store(&json, appointment->id, failure);
}

bool on_appointment_completed(const hy_context *ctx, const moncreneau_completed *appointment, hy_failure *failure) {
  (void)ctx;
  hy_json_writer json = {0};
  COMMON_FIELDS(json, appointment);
  hy_put_optional(&json, "completedAt", appointment->completed_at);
  put_number(&json, "duration", appointment->duration);
  hy_put_optional(&json, "notes", appointment->notes);
  return store(&json, appointment->id, failure);
}
