#include "test/moncreneau.h"

static void configure(void) {
  hy_set_config("booking_url", "https://booking.example.gn/slots");
  hy_set_config("booking_token", "s3cret");
}

HY_TEST(frees_the_slot_in_the_booking_system) {
  configure();
  moncreneau_cancelled appointment = hy_sample_appointment_cancelled();
  EXPECT_DONE(hy_deliver_appointment_cancelled(&appointment));
  EXPECT_INT(hy_effect_count(), 1);
  const hy_http_request *request = &hy_effect_at(0)->request;
  EXPECT_TEXT(request->method, "POST");
  EXPECT_TEXT(request->url, "https://booking.example.gn/slots");
  EXPECT_TEXT(hy_header(request->headers, hy_str("authorization")).value, "Bearer s3cret");
  EXPECT_TEXT(hy_header(request->headers, hy_str("content-type")).value, "application/json");
  EXPECT_TEXT(request->body,
              "{\"appointment\":12345,\"department\":5,\"dateTime\":\"2026-01-25T14:30:00\",\"state\":\"free\"}");
}

HY_TEST(names_the_office_where_the_event_does) {
  configure();
  moncreneau_cancelled appointment = hy_sample_appointment_cancelled();
  appointment.department.is_some = true;
  appointment.department.value.name = hy_str("Service \"Passeports\"");
  EXPECT_DONE(hy_deliver_appointment_cancelled(&appointment));
  hy_json body;
  EXPECT(hy_json_parse(hy_effect_at(0)->request.body, &body));
  EXPECT_TEXT(hy_json_string_at(body, "/office").value, "Service \"Passeports\"");
}

HY_TEST(never_logs_the_token) {
  configure();
  moncreneau_cancelled appointment = hy_sample_appointment_cancelled();
  EXPECT_DONE(hy_deliver_appointment_cancelled(&appointment));
  EXPECT_INT(hy_logged_count(), 1);
  EXPECT_TEXT(hy_logged(0), "INFO frees the slot of 2026-01-25T14:30:00 at office 5");
}

HY_TEST(rejects_and_names_what_is_not_configured) {
  moncreneau_cancelled appointment = hy_sample_appointment_cancelled();
  EXPECT_REJECTED(hy_deliver_appointment_cancelled(&appointment), "the operator has not set `booking_url` in the plugin's config");
  hy_set_config("booking_url", "https://booking.example.gn/slots");
  EXPECT_REJECTED(hy_deliver_appointment_cancelled(&appointment),
                  "the operator has not set `booking_token` in the plugin's config");
  EXPECT_INT(hy_effect_count(), 0);
}
