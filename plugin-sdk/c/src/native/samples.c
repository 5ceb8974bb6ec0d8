// What stands in wit/moncreneau-events-1.0.0/samples.
#include <hookyard_test.h>

#define SAMPLE_OF_ALL(state)                                                      \
  .id = 12345, .department_id = 5, .date_time = hy_str("2026-01-25T14:30:00"),     \
  .status = {.kind = state}, .name = hy_str("Jean Dupont"), .phone = hy_some(hy_str("+224621234567"))

hy_appointment_created hy_sample_appointment_created(void) {
  return (hy_appointment_created){
      SAMPLE_OF_ALL(HY_STATUS_SCHEDULED),
      .department = {true,
                     {.id = 5,
                      .name = hy_str("Passport Service"),
                      .organization = {true, {.id = 1, .name = hy_str("Ministry of Interior")}}}},
      .email = hy_some(hy_str("jean.dupont@example.gn")),
      .qr_code = hy_some(hy_str("https://moncreneau.gn/qr/12345")),
      .created_at = hy_some(hy_str("2026-01-21T14:30:00Z")),
      .credits_used = {true, 1},
  };
}

hy_appointment_updated hy_sample_appointment_updated(void) {
  static const hy_change changes[] = {{
      .field = {"dateTime", 8},
      .from = {true, {"2026-01-25T14:30:00", 19}},
      .to = {true, {"2026-01-26T10:00:00", 19}},
  }};
  hy_appointment_updated sample = {
      SAMPLE_OF_ALL(HY_STATUS_SCHEDULED),
      .updated_at = hy_some(hy_str("2026-01-22T10:15:00Z")),
      .changes = {true, changes, 1},
  };
  sample.date_time = hy_str("2026-01-26T10:00:00");
  return sample;
}

hy_appointment_cancelled hy_sample_appointment_cancelled(void) {
  return (hy_appointment_cancelled){
      SAMPLE_OF_ALL(HY_STATUS_CANCELLED),
      .cancelled_at = hy_some(hy_str("2026-01-23T16:45:00Z")),
      .cancelled_by = {true, {.kind = HY_CANCELLED_BY_USER}},
      .cancel_reason = hy_some(hy_str("Last minute impediment")),
      .credits_refunded = {true, 1},
  };
}

hy_appointment_validated hy_sample_appointment_validated(void) {
  return (hy_appointment_validated){
      SAMPLE_OF_ALL(HY_STATUS_VALIDATED),
      .validated_at = hy_some(hy_str("2026-01-25T14:35:00Z")),
      .validated_by = {true, {.id = 42, .name = hy_str("Agent Martin")}},
  };
}

hy_appointment_completed hy_sample_appointment_completed(void) {
  return (hy_appointment_completed){
      SAMPLE_OF_ALL(HY_STATUS_COMPLETED),
      .completed_at = hy_some(hy_str("2026-01-25T15:00:00Z")),
      .duration = {true, 30},
      .notes = hy_some(hy_str("Document issued")),
  };
}
