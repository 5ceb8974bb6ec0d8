// Native tests of handlers, for `make test`. The host is in memory, and a delivery is a transaction there
// too: a handler that fails leaves no writes or effects. `hookyard plugin test --wasm` runs the deliveries of the same
// tests on the built component. The header "test/MODULE.h" of a package includes this one, and
// has the deliveries and samples of its events:
//   #include "test/moncreneau.h"
//
//   HY_TEST(greets_the_visitor) {
//     moncreneau_created appointment = hy_sample_appointment_created();
//     EXPECT_DONE(hy_deliver_appointment_created(&appointment));
//     EXPECT_TEXT(hy_logged(0), "INFO welcome, Jean Dupont");
//   }
#pragma once
#include <hookyard.h>
#include <hookyard/event.h>
#include <hookyard/export.h>

// A test. Each test begins with an empty store, no config, no effects and no log.
#define HY_TEST(name)                                                                               \
  static void name(void);                                                                           \
  __attribute__((constructor)) static void hy_register_##name(void) { hy_test_add(#name, name); }   \
  static void name(void)

#define EXPECT(condition) \
  do { if (!(condition)) hy_test_fail(__FILE__, __LINE__, "not so: %s", #condition); } while (0)
#define EXPECT_TEXT(actual, expected) hy_expect_text(__FILE__, __LINE__, actual, hy_text(expected))
#define EXPECT_INT(actual, expected) hy_expect_int(__FILE__, __LINE__, actual, expected)
#define EXPECT_DONE(delivery) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_DONE, hy_none())
// Expects the outcome and the whole reason.
#define EXPECT_RETRY(delivery, reason) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_RETRY, hy_some(hy_text(reason)))
#define EXPECT_REJECTED(delivery, reason) \
  hy_expect_outcome(__FILE__, __LINE__, delivery, HY_REJECTED, hy_some(hy_text(reason)))
#define EXPECT_PANIC(delivery) hy_expect_outcome(__FILE__, __LINE__, delivery, HY_PANICKED, hy_none())

typedef enum { HY_DONE, HY_RETRY, HY_REJECTED, HY_PANICKED } hy_outcome;

typedef struct {
  hy_outcome outcome;
  hy_failure failure; // for HY_RETRY and HY_REJECTED
} hy_delivery;

// Calls on_event, whether or not it subscribes to this type.
hy_delivery hy_deliver_event(const char *event_type, const char *json);
// The same for a whole event, as its sender posts it: JSON with `type` and `data`. The context has its `id` and `created`.
hy_delivery hy_receive_event(const char *event);

// ---- Settings of a test

// The context for handlers. Each delivery sets its event_type, and its source if the test has not set one.
hy_context *hy_test_context(void);
void hy_set_config(const char *key, const char *value);
// Sets the media type of the content that the payloads of the events were made of.
void hy_set_content_type(const char *content_type);
// Sets an attribute of the events, which are CloudEvents.
void hy_set_attribute(const char *name, const char *value);
void hy_set_stored(const char *bucket, const char *key, const char *value);
// A built component has the machine's clock, so this fails there.
void hy_set_now_ms(uint64_t ms);
// Sets the response of hy_fetch for a URL. Other URLs give no response.
void hy_set_answer(const char *url, uint16_t status, const char *body);

// ---- Results of a delivery

hy_optional hy_stored(const char *bucket, const char *key);
size_t hy_stored_count(const char *bucket);

typedef struct {
  enum { HY_HTTP_REQUEST, HY_EMAIL, HY_EVENT } kind;
  hy_string key;           // the idempotency key
  hy_http_request request; // for HY_HTTP_REQUEST
  hy_email email;          // for HY_EMAIL
  hy_string event_type;    // for HY_EVENT
  hy_string data;
} hy_effect;

size_t hy_effect_count(void);
// The test fails if there is no such effect.
const hy_effect *hy_effect_at(size_t index);

// A log line, "LEVEL text"; empty if there is none.
hy_string hy_logged(size_t index);
size_t hy_logged_count(void);

// ---- Implementation of the macros, deliveries and samples

void hy_test_add(const char *name, void (*run)(void));
__attribute__((format(printf, 3, 4))) _Noreturn void hy_test_fail(const char *file, int line, const char *format, ...);
void hy_expect_text(const char *file, int line, hy_string actual, hy_string expected);
void hy_expect_int(const char *file, int line, int64_t actual, int64_t expected);
void hy_expect_outcome(const char *file, int line, hy_delivery delivery, hy_outcome outcome, hy_optional reason);

typedef struct {
  const char *event_type;
  const char *package; // such as "acme:events"; NULL for the generic handler
  hy_typed_handler *call;
  void (*put)(hy_json_writer *json, const void *payload); // writes the payload as a sender does
  const char *folder;                                     // the package in the plugin, such as "wit/acme-events-1.0.0"
  void (*read)(hy_json json, void *payload);              // reads the decoded payload
  size_t payload_size;
} hy_test_handler;

hy_delivery hy_test_deliver(const hy_test_handler *handler, const void *payload);
hy_delivery hy_test_receive(const hy_test_handler *handler, const char *event);
void hy_test_put_float(hy_json_writer *json, double value);
void hy_test_put_char(hy_json_writer *json, uint32_t code_point);
void hy_test_put_bytes(hy_json_writer *json, hy_string bytes);
// A copy that lasts until the end of the test.
void *hy_test_copy_items(const void *items, size_t size);

// Read a decoded payload. If the JSON has another form, the test fails.
bool hy_test_read_bool(hy_json json);
uint64_t hy_test_read_uint(hy_json json, uint64_t max);
int64_t hy_test_read_int(hy_json json, int64_t min, int64_t max);
float hy_test_read_f32(hy_json json);
double hy_test_read_f64(hy_json json);
uint32_t hy_test_read_char(hy_json json);
hy_string hy_test_read_string(hy_json json);
hy_string hy_test_read_bytes(hy_json json);
// Zeroed memory for the items of a list, each of this size.
void *hy_test_read_items(hy_json json, size_t size, size_t *count);
void hy_test_read_tuple(hy_json json, hy_json *items, size_t count);
// The fields of a record, in the order of the names.
void hy_test_read_fields(hy_json json, const char *const *names, hy_json *fields, size_t count);
// The position of a name among these.
size_t hy_test_read_name(hy_json json, const char *const *names, size_t count);
// The position of a variant's case among these, and its value.
size_t hy_test_read_case(hy_json json, const char *const *names, size_t count, hy_json *value);
// The inner option of an option that is not none.
hy_json hy_test_read_some(hy_json json);
