// What Moncreneau's appointment events have in common. Everything that an event may lack is optional.
// Dates of appointments are local to the office and without an offset ("2026-01-25T14:30:00"), all other
// times are RFC 3339 in UTC.
#pragma once
#include <hookyard.h>

enum {
  HY_STATUS_SCHEDULED, // booked, and not yet taken place
  HY_STATUS_CANCELLED, // called off
  HY_STATUS_VALIDATED, // the visitor is here, and an agent has checked them in
  HY_STATUS_COMPLETED, // over
  HY_STATUS_NO_SHOW,   // the visitor did not come
  HY_STATUS_OTHER,     // one that this version does not know
};

// Where an appointment stands.
typedef struct {
  uint8_t kind;    // HY_STATUS_…
  hy_string other; // as the service writes it, for HY_STATUS_OTHER
} hy_status;

// As the service writes it: "SCHEDULED", …, "NO_SHOW", or what this version does not know.
hy_string hy_status_text(hy_status status);

enum {
  HY_CANCELLED_BY_USER,       // the visitor
  HY_CANCELLED_BY_DEPARTMENT, // the office
  HY_CANCELLED_BY_AGENT,      // somebody who works there
  HY_CANCELLED_BY_SYSTEM,     // the service itself
  HY_CANCELLED_BY_OTHER,      // somebody that this version does not know
};

// Who called it off.
typedef struct {
  uint8_t kind;    // HY_CANCELLED_BY_…
  hy_string other; // as the service writes it, for HY_CANCELLED_BY_OTHER
} hy_canceller;

// As the service writes it: "user", …, "system", or what this version does not know.
hy_string hy_canceller_text(hy_canceller canceller);

// A public body.
typedef struct {
  uint64_t id;
  hy_string name;
} hy_organization;

// An office that gives appointments.
typedef struct {
  uint64_t id;
  hy_string name;
  struct {
    bool is_some;
    hy_organization value;
  } organization;
} hy_department;

// Somebody who works at an office.
typedef struct {
  uint64_t id;
  hy_string name;
} hy_agent;

typedef struct {
  bool is_some;
  hy_department value;
} hy_optional_department;

typedef struct {
  bool is_some;
  hy_agent value;
} hy_optional_agent;

typedef struct {
  bool is_some;
  uint32_t value;
} hy_optional_u32;
