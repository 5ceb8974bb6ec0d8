//! A host process in a directory of its own.

mod posts;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::{CommandOutput, Event, LIMIT, SECRET, sign, wait_until, wait_until_within};

/// A temporary directory with a configuration and plugins, in which hosts run. It outlives each of them.
pub(crate) struct HostDir {
    dir: tempfile::TempDir,
}

/// The response of the webhook endpoint.
#[derive(Debug, Clone)]
pub(crate) struct WebhookResponse {
    pub(crate) code: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl WebhookResponse {
    /// The member `status` of the body.
    pub(crate) fn status(&self) -> &str {
        self.json["status"].as_str().unwrap_or_default()
    }

    /// The member `reason` of the body.
    pub(crate) fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or_default()
    }
}

impl HostDir {
    /// A directory whose hosts take free ports and have the source `moncreneau`; `more_config` follows that source.
    pub(crate) fn new(more_config: &str) -> Self {
        let dir = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(dir.path("plugins")).unwrap();
        dir.configure(more_config);
        dir
    }

    /// Replaces the configuration atomically.
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

    /// Installs a plugin atomically: writes a file and renames it.
    pub(crate) fn install(&self, name: &str, bytes: &[u8]) {
        self.replace(&format!("plugins/{name}.wasm"), bytes);
    }

    /// Replaces a file atomically.
    pub(crate) fn replace(&self, below: &str, bytes: &[u8]) {
        let beside = self.path(&format!("{below}.part"));
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.path(below)).unwrap();
    }

    /// Starts a host in this directory, and waits until it accepts events and has loaded its plugins.
    pub(crate) async fn start(&self) -> RunningHost<'_> {
        self.start_with(self.command(&["serve"])).await
    }

    /// Starts a host in this directory, and waits until it accepts events. Plugins may still be loading.
    pub(crate) async fn start_unloaded(&self) -> RunningHost<'_> {
        let started = self.try_start_with(self.command(&["serve"])).await;
        started.unwrap_or_else(|ended| panic!("the host ended with {ended:?}:\n{}", self.log()))
    }

    /// Starts a host with this command, and waits until it accepts events and has loaded its plugins, or ends.
    pub(crate) async fn start_with(&self, command: Command) -> RunningHost<'_> {
        let started = self.try_start_with(command).await;
        let mut host =
            started.unwrap_or_else(|ended| panic!("the host ended with {ended:?}:\n{}", self.log()));
        wait_until_within(2 * LIMIT, "the plugins are loaded", async || {
            (host.exit_status().is_some() || host.has_loaded_plugins().await).then_some(())
        })
        .await;
        host
    }

    /// Like [`HostDir::start_with`], but returns the exit status of a host that ends before it accepts events.
    pub(crate) async fn try_start_with(&self, command: Command) -> Result<RunningHost<'_>, ExitStatus> {
        let out = File::options().create(true).append(true).open(self.path("host.out")).unwrap();
        let err = File::options().create(true).append(true).open(self.path("host.log")).unwrap();
        self.try_start_to(command, out.into(), err.into()).await
    }

    /// Like [`HostDir::try_start_with`], with other standard streams.
    pub(crate) async fn try_start_to(
        &self,
        mut command: Command,
        out: Stdio,
        err: Stdio,
    ) -> Result<RunningHost<'_>, ExitStatus> {
        let child = command.stdout(out).stderr(err).spawn().unwrap();
        let mut host =
            RunningHost { dir: self, child, webhooks: String::new(), admin: String::new(), http: client() };
        // Its tables are made by dozens of commits, and each waits for the disk.
        let listening = wait_until_within(2 * LIMIT, "the host listens", async || {
            if let Some(ended) = host.exit_status() {
                return Some(Err(ended));
            }
            let addresses: Value =
                serde_json::from_slice(&fs::read(self.path("hookyard-data/listening.json")).ok()?).ok()?;
            // A killed host leaves its file behind.
            (addresses["pid"] == host.child.id()).then_some(Ok(addresses))
        })
        .await?;
        let address = |name: &str| format!("http://{}", listening[name].as_str().unwrap());
        (host.webhooks, host.admin) = (address("webhooks"), address("admin"));
        Ok(host)
    }

    /// Runs `hookyard` with these arguments in this directory, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::run(&mut self.command(arguments))
    }

    /// The command `hookyard` with these arguments in this directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["HOOKYARD_LOG", "HOOKYARD_TOKEN", "HOOKYARD_URL", "HOOKYARD_SECRET"] {
            command.env_remove(name);
        }
        command
    }

    /// The standard error of all hosts in this directory so far. A running host writes a line some time after it
    /// did what the line is about, and a killed host leaves its last lines out: see [`RunningHost::flushed_log`],
    /// [`RunningHost::wait_log`] and [`RunningHost::stop`].
    pub(crate) fn log(&self) -> String {
        let mut log = fs::read_to_string(self.path("host.log")).unwrap_or_default();
        // A host that still runs may be in the middle of a line.
        log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
        log
    }
}

/// A running host process. It is killed when it is dropped, so that its log may lack its last lines.
pub(crate) struct RunningHost<'dir> {
    dir: &'dir HostDir,
    child: Child,
    webhooks: String,
    admin: String,
    http: reqwest::Client,
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

impl RunningHost<'_> {
    /// The address for webhooks, `http://ADDRESS`.
    pub(crate) fn webhooks(&self) -> &str {
        &self.webhooks
    }

    /// The address for operators, `http://ADDRESS`.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// The directory that it runs in.
    pub(crate) fn dir(&self) -> &HostDir {
        self.dir
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signed event.
    pub(crate) async fn send(&self, event: &Event) -> WebhookResponse {
        let signature = sign(SECRET, &event.body);
        self.post("moncreneau", &event.body, &[("X-Moncreneau-Signature", &signature)]).await
    }

    /// Sends a body with these headers to a source.
    pub(crate) async fn post(&self, source: &str, body: &str, headers: &[(&str, &str)]) -> WebhookResponse {
        self.try_post(source, body, headers)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{}", self.dir.log()))
    }

    /// Like [`RunningHost::post`], for a host that may have ended.
    pub(crate) async fn try_post(
        &self,
        source: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<WebhookResponse> {
        post(&self.http, &self.webhooks, source, body, headers).await
    }

    /// A sender for tasks, which does not borrow the host.
    pub(crate) fn sender(&self) -> Sender {
        Sender { http: self.http.clone(), webhooks: self.webhooks.clone() }
    }

    /// Sends a GET request to the operators' address, with this token or none.
    pub(crate) async fn admin_get(&self, path: &str, token: Option<&str>) -> reqwest::Response {
        let mut request = self.http.get(format!("{}{path}", self.admin));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    /// Sends a GET request to the operators' API with the token. The body is `Null` if it is not JSON.
    pub(crate) async fn api_get(&self, path: &str) -> (StatusCode, Value) {
        let token = fs::read_to_string(self.dir.path("hookyard-data/admin-token")).unwrap();
        let response = self.admin_get(path, Some(token.trim())).await;
        let code = response.status();
        (code, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    /// Sends a POST request to the operators' API with the token, without borrowing the host. `None` if the host ends.
    pub(crate) fn admin_post(
        &self,
        path: &str,
        body: &Value,
    ) -> impl Future<Output = Option<StatusCode>> + use<> {
        let token = fs::read_to_string(self.dir.path("hookyard-data/admin-token")).unwrap();
        let request = self.http.post(format!("{}{path}", self.admin)).bearer_auth(token.trim()).json(body);
        async move { Some(request.send().await.ok()?.status()) }
    }

    /// Like [`RunningHost::api_get`], for a host that may have ended.
    pub(crate) async fn try_api_get(&self, path: &str) -> Option<Value> {
        let token = fs::read_to_string(self.dir.path("hookyard-data/admin-token")).ok()?;
        let request = self.http.get(format!("{}{path}", self.admin)).bearer_auth(token.trim());
        request.send().await.ok()?.json().await.ok()
    }

    /// An event of the source `moncreneau`, if it is stored.
    pub(crate) async fn event(&self, id: &str) -> Option<Value> {
        let (code, event) = self.api_get(&format!("/api/v1/events/moncreneau/{id}")).await;
        (code == StatusCode::OK).then_some(event)
    }

    /// All events that match the query, newest first, read page by page.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let (code, mut page) = self.api_get(&format!("/api/v1/events?limit=500{query}{cursor}")).await;
            assert_eq!(code, StatusCode::OK, "{page}");
            all.append(page["items"].as_array_mut().unwrap());
            let Some(next) = page["next_cursor"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }

    /// Waits until no delivery is open. It asks for the states in the order in which a delivery goes through
    /// them, so it cannot miss a delivery that changes its state between two requests.
    pub(crate) async fn wait_drained(&self) {
        self.wait_drained_within(LIMIT).await;
    }

    /// Like [`RunningHost::wait_drained`], with a limit of its own.
    pub(crate) async fn wait_drained_within(&self, limit: Duration) {
        wait_until_within(limit, "no delivery is open", async || {
            for state in ["held", "waiting", "pending", "running"] {
                let (_, page) = self.api_get(&format!("/api/v1/events?limit=1&state={state}")).await;
                // A page can lack events that changed meanwhile. Then it has a cursor.
                let none = page["items"].as_array()?.is_empty() && page["next_cursor"].is_null();
                none.then_some(())?;
            }
            Some(())
        })
        .await;
    }

    /// Waits until all deliveries of an event are done, dead or held.
    pub(crate) async fn wait_finished(&self, id: &str) -> Value {
        self.wait_event(id, "all deliveries are done, dead or held", |event| {
            let open = |d: &Value| !matches!(d["state"].as_str(), Some("done" | "dead" | "held"));
            !event["deliveries"].as_array().unwrap().iter().any(open)
        })
        .await
    }

    /// Waits until an event meets a condition. `what` names the condition in the panic message.
    pub(crate) async fn wait_event(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        wait_until(&format!("event {id}: {what}"), async || {
            last = self.event(id).await.unwrap_or(Value::Null);
            (!last.is_null() && wanted(&last)).then(|| last.clone())
        })
        .await
    }

    /// Whether no plugin is being loaded for the first time. A host that is not ready has loaded what it could.
    pub(crate) async fn has_loaded_plugins(&self) -> bool {
        let Ok(response) = self.http.get(format!("{}/readyz", self.admin)).send().await else { return false };
        // Without the database's answer it says nothing about plugins.
        let is_late = |health: &Value| health["detail"].to_string().contains("does not answer in time");
        let health = response.json::<Value>().await;
        health.is_ok_and(|health| health.get("loading").is_none() && !is_late(&health))
    }

    /// A plugin in the list of the API, if it is there.
    pub(crate) async fn plugin(&self, name: &str) -> Option<Value> {
        let (_, plugins) = self.api_get("/api/v1/plugins").await;
        plugins["items"].as_array()?.iter().find(|plugin| plugin["name"] == name).cloned()
    }

    /// Waits until a plugin meets a condition. `what` names the condition in the panic message.
    pub(crate) async fn wait_plugin(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_until(&format!("plugin {name}: {what}"), async || {
            self.plugin(name).await.filter(|plugin| wanted(plugin))
        })
        .await
    }

    /// Waits until the current revision of a plugin has these bytes.
    pub(crate) async fn wait_revision(&self, name: &str, bytes: &[u8]) -> Value {
        let digest = hookyard::event::Digest::of(bytes).to_string();
        self.wait_plugin(name, "it runs the installed file", |plugin| plugin["revision"] == digest.as_str())
            .await
    }

    /// Waits until a plugin is removed.
    pub(crate) async fn wait_removed(&self, name: &str) {
        wait_until(&format!("plugin {name} is removed"), async || {
            self.plugin(name).await.is_none().then_some(())
        })
        .await;
    }

    /// Waits until a line of the log contains all of these parts.
    pub(crate) async fn wait_log(&self, parts: &[&str]) -> String {
        wait_until(&format!("a line of the log contains {parts:?}"), async || {
            let log = self.dir.log();
            log.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        })
        .await
    }

    /// Waits until the standard output of all hosts in this directory contains a text. A thread of the host writes it.
    pub(crate) async fn wait_out(&self, part: &str) -> String {
        wait_until(&format!("the output contains {part}"), async || {
            let out = fs::read_to_string(self.dir.path("host.out")).unwrap();
            out.contains(part).then_some(out)
        })
        .await
    }

    /// The log with all lines that the host has queued so far. Lines are written in order by a thread of the host,
    /// and the line about SIGHUP comes after them. The host needs a level that shows it.
    pub(crate) async fn flushed_log(&self) -> String {
        let whole_lines = || {
            let mut log = self.dir.log();
            log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
            log
        };
        let count = |log: &str| log.matches("SIGHUP received").count();
        let before = count(&whole_lines());
        self.signal("HUP");
        wait_until("the log tells of SIGHUP", async || {
            let log = whole_lines();
            (count(&log) > before).then_some(log)
        })
        .await
    }

    /// Stops the process with SIGTERM, and waits for its end. Then its log has all its lines.
    pub(crate) async fn stop(self) {
        let dir = self.dir;
        self.terminate();
        let ended = self.wait_exit().await;
        assert!(ended.success(), "the host ended with {ended:?}:\n{}", dir.log());
    }

    /// Kills the process with SIGKILL. Lines that it has not written to its log are lost.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let (name, pid) = (format!("-{name}"), self.pid().to_string());
        assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
    }

    /// The exit status, if the process has ended.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until the process ends.
    pub(crate) async fn wait_exit(mut self) -> ExitStatus {
        wait_until("the host ends", async || self.exit_status()).await
    }
}

/// Sends events to a host that may end.
#[derive(Clone)]
pub(crate) struct Sender {
    http: reqwest::Client,
    webhooks: String,
}

impl Sender {
    /// Sends a signed event.
    pub(crate) async fn try_send(&self, event: &Event) -> reqwest::Result<WebhookResponse> {
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
) -> reqwest::Result<WebhookResponse> {
    let mut request = http.post(format!("{webhooks}/webhooks/{source}")).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let (code, headers) = (response.status(), response.headers().clone());
    let json = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(WebhookResponse { code, headers, json })
}

impl Drop for RunningHost<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the host's log:\n{}", self.dir.log());
        }
    }
}

/// The path of the directory.
impl AsRef<Path> for HostDir {
    fn as_ref(&self) -> &Path {
        self.dir.path()
    }
}
