//! A host in a process and a directory of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::{Event, LIMIT, SECRET, sign, until, until_within};

/// A directory with a configuration and plugins: what a host is started in, and what stays when it
/// is killed.
pub(crate) struct Bed {
    dir: tempfile::TempDir,
}

/// What the endpoint answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    /// The answer's `status`.
    pub(crate) fn status(&self) -> &str {
        self.json["status"].as_str().unwrap_or_default()
    }

    /// The answer's `reason`.
    pub(crate) fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or_default()
    }
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed as JSON; it must have gone well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Bed {
    /// Ports of the kernel's choice, source `moncreneau`, and these lines of configuration after it.
    pub(crate) fn new(more_config: &str) -> Self {
        let bed = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(bed.path("plugins")).unwrap();
        bed.configure(more_config);
        bed
    }

    /// Writes the configuration anew, in one step.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [sources.moncreneau]\nscheme = \"moncreneau\"\nsecrets = [\"{SECRET}\"]\n{more}"
        );
        self.replace("hookyard.toml", text.as_bytes());
    }

    /// A path in the directory.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// The file of a plugin.
    pub(crate) fn plugin_file(&self, name: &str) -> PathBuf {
        self.path("plugins").join(format!("{name}.wasm"))
    }

    /// Puts a plugin in place by renaming, as a careful tool does.
    pub(crate) fn install(&self, name: &str, bytes: &[u8]) {
        self.replace(&format!("plugins/{name}.wasm"), bytes);
    }

    /// Replaces a file in one step.
    pub(crate) fn replace(&self, below: &str, bytes: &[u8]) {
        let beside = self.path(&format!("{below}.part"));
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.path(below)).unwrap();
    }

    /// Starts a host here, and waits until it takes events.
    pub(crate) async fn start(&self) -> Host<'_> {
        self.start_with(self.command(&["serve"])).await
    }

    /// Runs a command that is a host here, and waits until it takes events.
    pub(crate) async fn start_with(&self, command: Command) -> Host<'_> {
        let started = self.try_start_with(command).await;
        started.unwrap_or_else(|ended| panic!("the host ended with {ended:?}:\n{}", self.log()))
    }

    /// As [`Bed::start_with`], where the host may end before it takes events: how it ended.
    pub(crate) async fn try_start_with(&self, command: Command) -> Result<Host<'_>, ExitStatus> {
        let out = File::options().create(true).append(true).open(self.path("host.out")).unwrap();
        let err = File::options().create(true).append(true).open(self.path("host.log")).unwrap();
        self.try_start_to(command, out.into(), err.into()).await
    }

    /// As [`Bed::try_start_with`], with other standard streams.
    pub(crate) async fn try_start_to(
        &self,
        mut command: Command,
        out: Stdio,
        err: Stdio,
    ) -> Result<Host<'_>, ExitStatus> {
        let child = command.stdout(out).stderr(err).spawn().unwrap();
        let mut host =
            Host { bed: self, child, webhooks: String::new(), admin: String::new(), http: client() };
        let listening = until("the host listens", async || {
            if let Some(ended) = host.has_ended() {
                return Some(Err(ended));
            }
            let told: Value =
                serde_json::from_slice(&fs::read(self.path("hookyard-data/listening.json")).ok()?).ok()?;
            // A host that was killed leaves its own behind.
            (told["pid"] == host.child.id()).then_some(Ok(told))
        })
        .await?;
        let address = |name: &str| format!("http://{}", listening[name].as_str().unwrap());
        (host.webhooks, host.admin) = (address("webhooks"), address("admin"));
        Ok(host)
    }

    /// Runs a command here to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// The program, to be run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["HOOKYARD_LOG", "HOOKYARD_TOKEN", "HOOKYARD_SECRET"] {
            command.env_remove(name);
        }
        command
    }

    /// What hosts here wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("host.log")).unwrap_or_default()
    }
}

/// A running host. Dropped, it is killed.
pub(crate) struct Host<'bed> {
    bed: &'bed Bed,
    child: Child,
    webhooks: String,
    admin: String,
    http: reqwest::Client,
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

impl Host<'_> {
    /// Where it takes webhooks, `http://ADDRESS`.
    pub(crate) fn webhooks(&self) -> &str {
        &self.webhooks
    }

    /// Where it answers operators, `http://ADDRESS`.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// Where it was started.
    pub(crate) fn bed(&self) -> &Bed {
        self.bed
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends an event, signed.
    pub(crate) async fn send(&self, event: &Event) -> Answer {
        let signature = sign(SECRET, &event.body);
        self.post("moncreneau", &event.body, &[("X-Moncreneau-Signature", &signature)]).await
    }

    /// Sends a body with these headers to a source.
    pub(crate) async fn post(&self, source: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_post(source, body, headers)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{}", self.bed.log()))
    }

    /// As [`Host::post`], where the host may have gone meanwhile.
    pub(crate) async fn try_post(
        &self,
        source: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        post(&self.http, &self.webhooks, source, body, headers).await
    }

    /// Sends without borrowing the host, for tasks.
    pub(crate) fn sender(&self) -> Sender {
        Sender { http: self.http.clone(), webhooks: self.webhooks.clone() }
    }

    /// Asks the operators' side, with this token or none.
    pub(crate) async fn ask(&self, path: &str, token: Option<&str>) -> reqwest::Response {
        let mut request = self.http.get(format!("{}{path}", self.admin));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    /// Reads a path of the operators' API with the token.
    pub(crate) async fn api(&self, path: &str) -> (StatusCode, Value) {
        let token = fs::read_to_string(self.bed.path("hookyard-data/admin-token")).unwrap();
        let response = self.ask(path, Some(token.trim())).await;
        let code = response.status();
        (code, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    /// Asks the operators' API for something, with the token, for tasks: nothing where the host goes meanwhile.
    pub(crate) fn ask_for(
        &self,
        path: &str,
        what: &Value,
    ) -> impl Future<Output = Option<StatusCode>> + use<> {
        let token = fs::read_to_string(self.bed.path("hookyard-data/admin-token")).unwrap();
        let request = self.http.post(format!("{}{path}", self.admin)).bearer_auth(token.trim()).json(what);
        async move { Some(request.send().await.ok()?.status()) }
    }

    /// As [`Host::api`], where the host may have gone meanwhile.
    pub(crate) async fn try_api(&self, path: &str) -> Option<Value> {
        let token = fs::read_to_string(self.bed.path("hookyard-data/admin-token")).ok()?;
        let request = self.http.get(format!("{}{path}", self.admin)).bearer_auth(token.trim());
        request.send().await.ok()?.json().await.ok()
    }

    /// An event of the source `moncreneau`, if it is stored.
    pub(crate) async fn event(&self, id: &str) -> Option<Value> {
        let (code, event) = self.api(&format!("/api/v1/events/moncreneau/{id}")).await;
        (code == StatusCode::OK).then_some(event)
    }

    /// All events that the query asks for, page by page, the newest first.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let (code, mut page) = self.api(&format!("/api/v1/events?limit=500{query}{cursor}")).await;
            assert_eq!(code, StatusCode::OK, "{page}");
            all.append(page["items"].as_array_mut().unwrap());
            let Some(next) = page["next_cursor"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }

    /// Waits until no event has anything left to run. States are asked for in the order in which a
    /// delivery goes through them, so none that is not retried can slip through between two questions.
    pub(crate) async fn drained(&self) {
        self.drained_within(LIMIT).await;
    }

    /// As [`Host::drained`], of very much.
    pub(crate) async fn drained_within(&self, limit: Duration) {
        until_within(limit, "everything has run", async || {
            for state in ["held", "waiting", "pending", "running"] {
                let (_, page) = self.api(&format!("/api/v1/events?limit=1&state={state}")).await;
                // A page may be short of events that changed meanwhile, but then another follows.
                let none = page["items"].as_array()?.is_empty() && page["next_cursor"].is_null();
                none.then_some(())?;
            }
            Some(())
        })
        .await;
    }

    /// Waits until nothing more happens to an event by itself: all deliveries are done, dead or held.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        self.event_when(id, "it is settled", |event| {
            let open = |d: &Value| !matches!(d["state"].as_str(), Some("done" | "dead" | "held"));
            !event["deliveries"].as_array().unwrap().iter().any(open)
        })
        .await
    }

    /// Waits until an event is as wanted.
    pub(crate) async fn event_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        until(&format!("event {id}: {what}"), async || {
            last = self.event(id).await.unwrap_or(Value::Null);
            (!last.is_null() && wanted(&last)).then(|| last.clone())
        })
        .await
    }

    /// A plugin as operators see it.
    pub(crate) async fn plugin(&self, name: &str) -> Option<Value> {
        let (_, plugins) = self.api("/api/v1/plugins").await;
        plugins["items"].as_array()?.iter().find(|plugin| plugin["name"] == name).cloned()
    }

    /// Waits until a plugin is as wanted.
    pub(crate) async fn plugin_when(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(&format!("plugin {name}: {what}"), async || {
            self.plugin(name).await.filter(|plugin| wanted(plugin))
        })
        .await
    }

    /// Waits until a plugin runs these bytes.
    pub(crate) async fn runs(&self, name: &str, bytes: &[u8]) -> Value {
        let digest = hookyard::event::Digest::of(bytes).to_string();
        self.plugin_when(name, "it runs what is on disk", |plugin| plugin["revision"] == digest.as_str())
            .await
    }

    /// Waits until a plugin is not there.
    pub(crate) async fn gone(&self, name: &str) {
        until(&format!("plugin {name} is gone"), async || self.plugin(name).await.is_none().then_some(()))
            .await;
    }

    /// Waits until the log has a line with all of these.
    pub(crate) async fn logged(&self, parts: &[&str]) -> String {
        until(&format!("a line of the log with {parts:?}"), async || {
            let log = self.bed.log();
            log.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        })
        .await
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let (name, pid) = (format!("-{name}"), self.pid().to_string());
        assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
    }

    /// How it ended, if it did.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        until("the host ends", async || self.has_ended()).await
    }
}

/// Sends events to a host that may go meanwhile.
#[derive(Clone)]
pub(crate) struct Sender {
    http: reqwest::Client,
    webhooks: String,
}

impl Sender {
    /// Sends an event, signed.
    pub(crate) async fn try_send(&self, event: &Event) -> reqwest::Result<Answer> {
        let signature = sign(SECRET, &event.body);
        post(&self.http, &self.webhooks, "moncreneau", &event.body, &[("X-Moncreneau-Signature", &signature)])
            .await
    }
}

async fn post(
    http: &reqwest::Client,
    webhooks: &str,
    source: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> reqwest::Result<Answer> {
    let mut request = http.post(format!("{webhooks}/webhooks/{source}")).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let (code, headers) = (response.status(), response.headers().clone());
    let json = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(Answer { code, headers, json })
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the host's log:\n{}", self.bed.log());
        }
    }
}

/// Where the directory of a bed is, for files that a test makes itself.
impl AsRef<Path> for Bed {
    fn as_ref(&self) -> &Path {
        self.dir.path()
    }
}
