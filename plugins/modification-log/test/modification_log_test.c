#include "test/moncreneau.h"

HY_TEST(logs_what_has_changed) {
  moncreneau_updated appointment = hy_sample_appointment_updated();
  EXPECT_DONE(hy_deliver_appointment_updated(&appointment));
  hy_optional entry = hy_stored("modifications", "12345/1");
  EXPECT(entry.is_some);
  EXPECT_TEXT(entry.value,
              "{\"event\":\"evt_sample\",\"at\":\"2026-01-22T10:15:00Z\",\"status\":\"SCHEDULED\","
              "\"dateTime\":\"2026-01-26T10:00:00\",\"changes\":{\"dateTime\":"
              "{\"from\":\"2026-01-25T14:30:00\",\"to\":\"2026-01-26T10:00:00\"}}}");
}

HY_TEST(numbers_the_modifications_of_each_appointment_and_counts_all) {
  moncreneau_updated appointment = hy_sample_appointment_updated(), other = hy_sample_appointment_updated();
  other.id = 7;
  EXPECT_DONE(hy_deliver_appointment_updated(&appointment));
  EXPECT_DONE(hy_deliver_appointment_updated(&other));
  EXPECT_DONE(hy_deliver_appointment_updated(&appointment));
  EXPECT(hy_stored("modifications", "12345/2").is_some);
  EXPECT(hy_stored("modifications", "7/1").is_some);
  EXPECT_INT(hy_stored_count("modifications"), 3);
  EXPECT_TEXT(hy_stored("modification-counts", "12345").value, "2");
  EXPECT_TEXT(hy_stored("modification-counts", "all").value, "3");
}

HY_TEST(logs_a_modification_that_does_not_say_what_or_when) {
  moncreneau_updated appointment = hy_sample_appointment_updated();
  appointment.changes = (hy_optional_map_moncreneau_change){0};
  appointment.updated_at = hy_none();
  EXPECT_DONE(hy_deliver_appointment_updated(&appointment));
  EXPECT_TEXT(hy_stored("modifications", "12345/1").value,
              "{\"event\":\"evt_sample\",\"at\":\"2026-01-21T14:30:00Z\",\"status\":\"SCHEDULED\","
              "\"dateTime\":\"2026-01-26T10:00:00\",\"changes\":{}}");
}

HY_TEST(keeps_nothing_of_a_modification_that_cannot_be_counted) {
  moncreneau_updated appointment = hy_sample_appointment_updated();
  hy_set_stored("modification-counts", "all", "many");
  EXPECT_RETRY(hy_deliver_appointment_updated(&appointment), "store `modification-counts`: the value of `all` is no number");
  EXPECT_INT(hy_stored_count("modifications"), 0);
  EXPECT(!hy_stored("modification-counts", "12345").is_some);
}
