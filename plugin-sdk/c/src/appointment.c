#include <hookyard/appointment.h>

hy_string hy_status_text(hy_status status) {
  switch (status.kind) {
    case HY_STATUS_SCHEDULED: return hy_str("SCHEDULED");
    case HY_STATUS_CANCELLED: return hy_str("CANCELLED");
    case HY_STATUS_VALIDATED: return hy_str("VALIDATED");
    case HY_STATUS_COMPLETED: return hy_str("COMPLETED");
    case HY_STATUS_NO_SHOW: return hy_str("NO_SHOW");
    default: return status.other;
  }
}

hy_string hy_canceller_text(hy_canceller canceller) {
  switch (canceller.kind) {
    case HY_CANCELLED_BY_USER: return hy_str("user");
    case HY_CANCELLED_BY_DEPARTMENT: return hy_str("department");
    case HY_CANCELLED_BY_AGENT: return hy_str("agent");
    case HY_CANCELLED_BY_SYSTEM: return hy_str("system");
    default: return canceller.other;
  }
}
