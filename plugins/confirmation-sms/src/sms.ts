import { config, outbox } from "@hookyard/plugin";

/** Queues an SMS, which the gateway sends after the event is handled. */
export function sendSms(to: string, text: string): void {
  outbox.sendJson({
    url: config.require("sms_url"),
    headers: { Authorization: `Bearer ${config.require("sms_api_key")}` },
    json: { to, from: config.require("sender"), text },
  });
}
