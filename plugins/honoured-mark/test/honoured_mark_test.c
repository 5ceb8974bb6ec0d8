#include "test/moncreneau.h"

#define MARK "{\"honoured\":true,\"honouredAt\":\"2026-01-25T14:35:00Z\",\"agent\":\"Agent Martin\"}"

HY_TEST(marks_the_appointment_in_the_store_and_in_the_crm) {
  hy_set_config("crm_url", "https://crm.example.gn/appointments");
  moncreneau_validated appointment = hy_sample_appointment_validated();
  EXPECT_DONE(hy_deliver_appointment_validated(&appointment));
  EXPECT_TEXT(hy_stored("honoured", "12345").value, MARK);
  EXPECT_INT(hy_effect_count(), 1);
  const hy_http_request *request = &hy_effect_at(0)->request;
  EXPECT_TEXT(request->method, "PATCH");
  EXPECT_TEXT(request->url, "https://crm.example.gn/appointments/12345");
  EXPECT_TEXT(request->body, MARK);
  EXPECT(!hy_header(request->headers, hy_str("Authorization")).is_some);
}

HY_TEST(sends_the_token_where_there_is_one) {
  hy_set_config("crm_url", "https://crm.example.gn/appointments");
  hy_set_config("crm_token", "s3cret");
  moncreneau_validated appointment = hy_sample_appointment_validated();
  EXPECT_DONE(hy_deliver_appointment_validated(&appointment));
  EXPECT_TEXT(hy_header(hy_effect_at(0)->request.headers, hy_str("Authorization")).value, "Bearer s3cret");
}

HY_TEST(takes_the_time_of_the_event_where_the_payload_has_none) {
  hy_set_config("crm_url", "https://crm.example.gn/appointments");
  moncreneau_validated appointment = hy_sample_appointment_validated();
  appointment.validated_at = hy_none();
  appointment.validated_by = (hy_optional_moncreneau_agent){0};
  EXPECT_DONE(hy_deliver_appointment_validated(&appointment));
  EXPECT_TEXT(hy_stored("honoured", "12345").value, "{\"honoured\":true,\"honouredAt\":\"2026-01-21T14:30:00Z\"}");
}

HY_TEST(marks_nothing_while_the_crm_is_not_configured) {
  moncreneau_validated appointment = hy_sample_appointment_validated();
  EXPECT_REJECTED(hy_deliver_appointment_validated(&appointment), "the operator has not set `crm_url` in the plugin's config");
  EXPECT_INT(hy_stored_count("honoured"), 0);
  EXPECT_INT(hy_effect_count(), 0);
}
