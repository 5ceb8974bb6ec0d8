//! The partner services of the example plugins as real servers, and a host that is configured for them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    CalDav, Event, HostDir, Partner, Reply, RunningHost, Smtp, example, test_python, wait_until,
    wait_until_within,
};

/// The example plugins for the provider's use cases.
pub(super) const PLUGINS: [&str; 15] = [
    "archive-file",
    "calendar-update",
    "cancellation-notice",
    "change-notification",
    "confirmation-sms",
    "crm-entry",
    "feedback-request",
    "free-slot",
    "honoured-mark",
    "invoice",
    "modification-log",
    "notify-team",
    "refund-credits",
    "satisfaction-email",
    "statistics",
];

/// The longest wait until all are loaded. A plugin with a Python or JavaScript engine compiles for half a minute on
/// a busy machine.
const LOAD_LIMIT: Duration = Duration::from_mins(15);

/// An SMS gateway, a CRM, a booking system, an archive, a mail server and a calendar.
pub(super) struct Partners {
    sms: Partner,
    crm: Partner,
    booking: Partner,
    archive: Partner,
    mail: Smtp,
    pub(super) calendar: CalDav,
    pub(super) dir: HostDir,
}

/// The observed effects and store entries. Each effect is a row that begins with its event and its plugin.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    /// Method, path, Authorization, body as JSON.
    pub(super) requests: Vec<Value>,
    /// Recipients, subject, text, attachments.
    pub(super) emails: Vec<Value>,
    /// Type, payload.
    pub(super) emitted: Vec<Value>,
    /// Request to the calendar's server, status.
    pub(super) calendar: Vec<Value>,
    /// `PLUGIN/BUCKET/KEY` and its value.
    pub(super) entries: BTreeMap<String, Value>,
}

impl Observed {
    /// The rows and entries that `before` lacks.
    ///
    /// # Panics
    /// If `before` has a row or an entry that is missing here.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut new = self.clone();
        let remove = |rows: &mut Vec<Value>, before: &[Value]| {
            for row in before {
                let at = rows.iter().position(|now| now == row);
                rows.remove(at.unwrap_or_else(|| panic!("{row} is no more among {rows:?}")));
            }
        };
        remove(&mut new.requests, &before.requests);
        remove(&mut new.emails, &before.emails);
        remove(&mut new.emitted, &before.emitted);
        remove(&mut new.calendar, &before.calendar);
        for key in before.entries.keys() {
            assert!(self.entries.contains_key(key), "{key} is no more");
        }
        new.entries.retain(|key, value| before.entries.get(key) != Some(value));
        new
    }
}

impl Partners {
    pub(super) async fn start() -> Self {
        let ok = |_: usize, _: &_| Reply::text(200, "ok");
        let (sms, crm) = (Partner::start(ok).await, Partner::start(ok).await);
        let (booking, archive) = (Partner::start(ok).await, Partner::start(ok).await);
        let (mail, calendar) = (Smtp::start().await, CalDav::start().await);
        let dir = HostDir::new("");
        let partners = Self { sms, crm, booking, archive, mail, calendar, dir };
        partners.dir.configure(&partners.config());
        partners
    }

    /// Grants each plugin its own partner only, and gives it its own secrets.
    fn config(&self) -> String {
        let [sms, crm, booking, archive] = self.http().map(Partner::origin);
        let dav = self.calendar.origin();
        let calendar = self.calendar.calendar();
        let (user, password) = (CalDav::USER, CalDav::PASSWORD);
        let smtp = self.mail.address();
        let sends_sms = format!("http = [\"{sms}\"]\nsecrets = {{ sms_api_key = \"key-sms\" }}");
        let sms = format!("sms_url = \"{sms}/messages\", sender = \"Passeports\"");
        format!(
            r#"
[email]
smtp = "smtp://{smtp}"
from = "Passeports <no-reply@example.gn>"
[plugin.confirmation-sms]
{sends_sms}
config = {{ {sms} }}
[plugin.change-notification]
{sends_sms}
config = {{ {sms} }}
[plugin.cancellation-notice]
{sends_sms}
email = ["*"]
config = {{ {sms} }}
[plugin.feedback-request]
{sends_sms}
config = {{ {sms}, feedback_url = "https://example.gn/avis" }}
[plugin.crm-entry]
http = ["{crm}"]
config = {{ crm_url = "{crm}/entries" }}
secrets = {{ crm_token = "key-crm" }}
[plugin.honoured-mark]
http = ["{crm}"]
config = {{ crm_url = "{crm}/appointments" }}
secrets = {{ crm_token = "key-crm" }}
[plugin.free-slot]
http = ["{booking}"]
config = {{ booking_url = "{booking}/slots" }}
secrets = {{ booking_token = "key-booking" }}
[plugin.archive-file]
http = ["{archive}"]
config = {{ archive_url = "{archive}/appointments" }}
secrets = {{ archive_token = "key-archive" }}
[plugin.calendar-update]
http = ["{dav}"]
config = {{ caldav_url = "{calendar}" }}
secrets = {{ caldav_user = "{user}", caldav_password = "{password}" }}
[plugin.notify-team]
email = ["*@example.gn"]
config = {{ team = "desk@example.gn, head@example.gn" }}
[plugin.satisfaction-email]
email = ["*"]
config = {{ survey_url = "https://survey.example.gn/visit" }}
[plugin.refund-credits]
emit = ["credits.refunded"]
[plugin.invoice]
emit = ["invoice.*"]
email = ["*"]
config = {{ price = "50 000 GNF" }}
"#
        )
    }

    fn http(&self) -> [&Partner; 4] {
        [&self.sms, &self.crm, &self.booking, &self.archive]
    }

    /// Starts a host and waits until all plugins run.
    pub(super) async fn start_host(&self) -> RunningHost<'_> {
        let host = self.dir.start().await;
        for plugin in PLUGINS {
            self.dir.install(plugin, &example(plugin));
        }
        wait_until_within(LOAD_LIMIT, "all plugins run", async || {
            let (_, page) = host.api_get("/api/v1/plugins").await;
            let plugins = page["items"].as_array()?;
            assert!(plugins.iter().all(|plugin| plugin["refusal"].is_null()), "{page}");
            let running = plugins.iter().filter(|plugin| plugin["state"] == "running").count();
            (running == PLUGINS.len()).then_some(())
        })
        .await;
        host
    }

    /// Sends events, and waits until their deliveries, effects and emitted events are resolved.
    pub(super) async fn send_and_wait(&self, host: &RunningHost<'_>, events: &[Event]) {
        for event in events {
            let answer = host.send(event).await;
            assert_eq!(answer.status(), "accepted", "{answer:?}");
        }
        host.wait_drained().await;
        wait_until("every effect is done or dead", async || {
            (self.dir.open_effects().await == 0).then_some(())
        })
        .await;
        // Effects may have emitted events, which have deliveries of their own.
        host.wait_drained().await;
    }

    /// Returns everything so far, and checks that exactly the queued effects were carried out.
    pub(super) async fn observe(&self, host: &RunningHost<'_>) -> Observed {
        let mut queued = BTreeMap::new();
        for event in host.events("").await {
            for effect in effects(host, &event).await {
                let other = queued.insert(effect.key.clone(), effect);
                assert!(other.is_none(), "each has a key of its own: {other:?}");
            }
        }
        let mut observed = Observed { entries: self.dir.entries().await, ..Observed::default() };
        for request in self.http().into_iter().flat_map(Partner::requests) {
            let Effect { event, plugin, .. } = &queued[request.header("idempotency-key")];
            assert_eq!(request.header("content-type"), "application/json");
            let body: Value = serde_json::from_str(request.text()).unwrap();
            let authorization = request.header("authorization");
            observed.requests.push(json!([event, plugin, request.method, request.path, authorization, body]));
        }
        for email in self.mail.received() {
            let Effect { event, plugin, .. } = &queued[&email.header("Idempotency-Key")];
            assert_eq!(email.from, "no-reply@example.gn");
            let read = read(&email.data);
            let (subject, text) = (&read["subject"], read["text"].as_str().unwrap().trim_end());
            observed.emails.push(json!([event, plugin, email.to, subject, text, read["attachments"]]));
        }
        for effect in queued.values() {
            let Effect { event, plugin, shown, .. } = effect;
            if shown["kind"] == "event" {
                let (code, emitted) =
                    host.api_get(&format!("/api/v1/events/plugin.{plugin}/{}", effect.key)).await;
                assert_eq!((code.as_u16(), &emitted["cause"]["id"]), (200, &json!(event)), "{emitted}");
                let data: Value = serde_json::from_str(shown["request"]["data"].as_str().unwrap()).unwrap();
                observed.emitted.push(json!([event, plugin, emitted["type"], data]));
            } else if plugin == "calendar-update" {
                let summary = shown["summary"].as_str().unwrap().replace(self.calendar.origin(), "");
                let answer = shown["attempts"].as_array().unwrap().last().unwrap()["detail"].clone();
                observed.calendar.push(json!([event, plugin, summary, answer]));
            }
        }
        let emitted = host.events("").await.iter().filter(|event| event["source"] != "moncreneau").count();
        assert_eq!(emitted, observed.emitted.len());
        let done =
            [&observed.requests, &observed.emails, &observed.emitted, &observed.calendar].map(Vec::len);
        assert_eq!(done.iter().sum::<usize>(), queued.len(), "{observed:#?}");
        for rows in
            [&mut observed.requests, &mut observed.emails, &mut observed.emitted, &mut observed.calendar]
        {
            rows.sort_by_key(Value::to_string);
        }
        observed
    }
}

/// An effect that a handler queued.
#[derive(Debug)]
struct Effect {
    event: String,
    plugin: String,
    key: String,
    /// Its JSON in the API.
    shown: Value,
}

/// The effects of an event's deliveries, all of which are done.
async fn effects(host: &RunningHost<'_>, listed: &Value) -> Vec<Effect> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (source, id) = (text(&listed["source"]), text(&listed["id"]));
    let (_, event) = host.api_get(&format!("/api/v1/events/{source}/{id}")).await;
    let mut found = Vec::new();
    for delivery in event["deliveries"].as_array().unwrap() {
        assert_eq!(delivery["state"], "done", "{event}");
        for effect in delivery["effects"].as_array().unwrap() {
            assert_eq!(effect["state"], "done", "{event}");
            let (plugin, key) = (text(&delivery["plugin"]), text(&effect["key"]));
            found.push(Effect { event: id.clone(), plugin, key, shown: effect.clone() });
        }
    }
    found
}

/// Parses an email with Python's library, which shares no code with the host.
fn read(data: &str) -> Value {
    const READ: &str = "\
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
attachments = [[a.get_filename(), a.get_content_type(), a.get_content()] for a in message.iter_attachments()]
text = message.get_body(('plain',)).get_content()
print(json.dumps({'subject': message['subject'], 'text': text, 'attachments': attachments}))";
    let mut python = Command::new(test_python());
    let python = python.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut reader = python.spawn().unwrap();
    reader.stdin.take().unwrap().write_all(data.as_bytes()).unwrap();
    let read = reader.wait_with_output().unwrap();
    assert!(read.status.success(), "{data}");
    serde_json::from_slice(&read.stdout).unwrap()
}
