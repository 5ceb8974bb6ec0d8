// Tells the desk by email that an appointment was cancelled.
#include "../bindings/plugin.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Appointment = exports_moncreneau_events_appointment_cancelled_cancelled_t;
using Failure = exports_moncreneau_events_appointment_cancelled_failure_t;

constexpr int kInfo = WASI_LOGGING_LOGGING_LEVEL_INFO;

std::string_view view(const plugin_string_t &text) { return {reinterpret_cast<char *>(text.ptr), text.len}; }

// Text from the host, which belongs to the plugin.
std::string take(plugin_string_t &text) {
  std::string taken(view(text));
  plugin_string_free(&text);
  return taken;
}

// Text for an import, which only reads it.
plugin_string_t lend(std::string_view text) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

// Text for the host, which frees it after the call.
plugin_string_t give(std::string_view text) {
  plugin_string_t given;
  plugin_string_dup_n(&given, text.data(), text.size());
  return given;
}

void log(std::string_view message) {
  plugin_string_t context = lend(""), text = lend(message);
  wasi_logging_logging_log(kInfo, &context, &text);
}

std::optional<std::string> config(std::string_view key) {
  plugin_string_t name = lend(key);
  plugin_option_string_t value;
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(&name, &value, &error) || !value.is_some) return std::nullopt;
  return take(value.val);
}

// `a@example.gn, b@example.gn`
std::vector<std::string> addresses(std::string_view list) {
  std::vector<std::string> found;
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(',', at), list.size());
    std::string_view address = list.substr(at, end - at);
    address.remove_prefix(std::min(address.find_first_not_of(' '), address.size()));
    if (!address.empty()) found.emplace_back(address);
    at = end + 1;
  }
  return found;
}

bool reject(Failure *failure, std::string_view reason) {
  failure->tag = HOOKYARD_PLUGIN_TYPES_FAILURE_REJECT;
  failure->val.reject = give(reason);
  return false;
}

bool notify(const Appointment &appointment, Failure *failure) {
  auto desk = config("desk");
  if (!desk) return reject(failure, "config `desk` is not set");
  std::vector<std::string> desks = addresses(*desk);
  std::vector<plugin_string_t> to;
  for (const std::string &address : desks) to.push_back(lend(address));

  std::string subject = "Cancelled: " + std::string(view(appointment.name));
  std::string text = std::string(view(appointment.date_time)) + " is free again.";
  if (appointment.cancel_reason.is_some) text += "\nReason: " + std::string(view(appointment.cancel_reason.val));

  hookyard_plugin_outbox_email_t email = {};
  email.to = {to.data(), to.size()};
  email.subject = lend(subject);
  email.text = lend(text);
  plugin_string_t key, error;
  if (!hookyard_plugin_outbox_send_email(&email, &key, &error)) return reject(failure, take(error));
  plugin_string_free(&key);
  log("told " + std::to_string(to.size()) + " desks of appointment " + std::to_string(appointment.id));
  return true;
}

}  // namespace

// The name is the bindings'. The arguments belong to the plugin.
bool exports_moncreneau_events_appointment_cancelled_handle(
    exports_moncreneau_events_appointment_cancelled_context_t *context, Appointment *appointment, Failure *failure) {
  bool done = notify(*appointment, failure);
  exports_moncreneau_events_appointment_cancelled_context_free(context);
  exports_moncreneau_events_appointment_cancelled_cancelled_free(appointment);
  return done;
}
