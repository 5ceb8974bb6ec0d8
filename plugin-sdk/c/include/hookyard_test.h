// Tests of handlers, natively: `make test`. The host's capabilities are played in memory, and a delivery
// is a transaction there too: a handler that fails leaves no write and no effect.
//   HY_TEST(greets_the_visitor) {
//     hy_appointment_created appointment = hy_sample_appointment_created();
//     EXPECT_DONE(hy_deliver_appointment_created(&appointment));
//     EXPECT_TEXT(hy_logged(0), "INFO welcome, Jean Dupont");
//   }
#pragma once
#include <hookyard.h>
#include <hookyard/event.h>
#include <hookyard/appointment_cancelled.h>
#include <hookyard/appointment_completed.h>
#include <hookyard/appointment_created.h>
#include <hookyard/appointment_updated.h>
#include <hookyard/appointment_validated.h>

// A test. Each begins with an empty store, no config, no effects and no log.
#define HY_TEST(name)                                                                               \
  static void name(void);                                                                           \
  __attribute__((constructor)) static void hy_register_##name(void) { hy_test_add(#name, name); }   \
  static void name(void)

#define EXPECT(condition) \
  do { if (!(condition)) hy_test_fail(__FILE__, __LINE__, "not so: %s", #condition); } while (0)
#define EXPECT_TEXT(actual, expected) hy_expect_text(__FILE__, __LINE__, actual, hy_text(expected))
#define EXPECT_INT(actual, expected) hy_expect_int(__FILE__, __LINE__, actual, expected)
#define EXPECT_DONE(delivery) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_DONE, hy_none())
// The outcome, with its whole reason.
#define EXPECT_RETRY(delivery, reason) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_RETRY, hy_some(hy_text(reason)))
#define EXPECT_REJECTED(delivery, reason) \
  hy_expect_outcome(__FILE__, __LINE__, delivery, HY_REJECTED, hy_some(hy_text(reason)))
#define EXPECT_PANIC(delivery) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_PANICKED, hy_none())

typedef enum { HY_DONE, HY_RETRY, HY_REJECTED, HY_PANICKED } hy_outcome;

typedef struct {
  hy_outcome outcome;
  hy_failure failure; // for HY_RETRY and HY_REJECTED
} hy_delivery;

// Calls the plugin's handler.
hy_delivery hy_deliver_appointment_created(const hy_appointment_created *appointment);
hy_delivery hy_deliver_appointment_updated(const hy_appointment_updated *appointment);
hy_delivery hy_deliver_appointment_cancelled(const hy_appointment_cancelled *appointment);
hy_delivery hy_deliver_appointment_validated(const hy_appointment_validated *appointment);
hy_delivery hy_deliver_appointment_completed(const hy_appointment_completed *appointment);
// Calls on_event, whether or not it subscribes to this type.
hy_delivery hy_deliver_event(const char *event_type, const char *json);

// The payloads of the provider's documents.
hy_appointment_created hy_sample_appointment_created(void);
hy_appointment_updated hy_sample_appointment_updated(void);
hy_appointment_cancelled hy_sample_appointment_cancelled(void);
hy_appointment_validated hy_sample_appointment_validated(void);
hy_appointment_completed hy_sample_appointment_completed(void);

// ---- What a test sets

// What handlers are told; its event_type is set by each delivery.
hy_context *hy_test_context(void);
void hy_set_config(const char *key, const char *value);
void hy_set_stored(const char *bucket, const char *key, const char *value);
void hy_set_now_ms(uint64_t ms);
// What hy_fetch gets from a URL; from others there is no answer.
void hy_set_answer(const char *url, uint16_t status, const char *body);

// ---- What a test looks at

hy_optional hy_stored(const char *bucket, const char *key);
size_t hy_stored_count(const char *bucket);

typedef struct {
  enum { HY_HTTP_REQUEST, HY_EMAIL, HY_EVENT } kind;
  hy_string key;           // its idempotency key
  hy_http_request request; // for HY_HTTP_REQUEST
  hy_email email;          // for HY_EMAIL
  hy_string event_type;    // for HY_EVENT
  hy_string data;
} hy_effect;

size_t hy_effect_count(void);
// The test fails where there is none.
const hy_effect *hy_effect_at(size_t index);

// A line, "LEVEL text"; empty where there is none.
hy_string hy_logged(size_t index);
size_t hy_logged_count(void);

// ---- Behind the macros

void hy_test_add(const char *name, void (*run)(void));
__attribute__((format(printf, 3, 4))) _Noreturn void hy_test_fail(const char *file, int line, const char *format, ...);
void hy_expect_text(const char *file, int line, hy_string actual, hy_string expected);
void hy_expect_int(const char *file, int line, int64_t actual, int64_t expected);
void hy_expect_outcome(const char *file, int line, hy_delivery delivery, hy_outcome outcome, hy_optional reason);
