//! A browser without a screen, driven over the `WebDriver` protocol. `scripts/test-browser` installs it.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::wait_until;

/// Keys in the `WebDriver` protocol.
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const ESCAPE: &str = "\u{e00c}";

/// Light or dark.
pub(super) const SCHEMES: [&str; 2] = ["light", "dark"];

/// A browser with one window. It ends with this.
pub(super) struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(super) async fn start() -> Self {
        let missing = "chromedriver does not start: `scripts/test-browser` installs it (Debian: apt-get install \
                       chromium chromium-driver)";
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().expect(missing);
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let port = line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned();
            Some(port)
        });
        let port = port.expect(missing);
        // The pipe stays open as long as the driver writes to it.
        std::thread::spawn(move || lines.count());
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--hide-scrollbars".into(),
            "--disable-dev-shm-usage".into(),
            "--no-first-run".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            // Of a script that looks at a whole page, on a busy machine.
            "timeouts": { "script": 300_000 },
        } } });
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let driver_url = format!("http://127.0.0.1:{port}/session");
        let answer = http.post(&driver_url).json(&wanted).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
        Self { session: format!("{driver_url}/{id}"), driver, http, _profile: profile }
    }

    async fn ask(&self, command: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/{command}", self.session)).json(&body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].take()
    }

    /// A command of the browser's own protocol.
    async fn command(&self, name: &str, parameters: Value) -> Value {
        self.ask("goog/cdp/execute", json!({ "cmd": name, "params": parameters })).await
    }

    /// Goes to an address, and waits until the page's script runs.
    pub(super) async fn go(&self, url: &str) {
        self.ask("url", json!({ "url": url })).await;
        self.wait_ready().await;
    }

    /// Waits until the script of the page in the window runs.
    pub(super) async fn wait_ready(&self) {
        let ready =
            "return document.readyState === 'complete' && 'ready' in document.documentElement.dataset";
        self.wait_for("the page is there", ready).await;
    }

    /// Runs a script in the page, and returns its result.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// The element that a selector finds first, as the protocol names it.
    async fn find(&self, selector: &str) -> String {
        let found = self.ask("element", json!({ "using": "css selector", "value": selector })).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Clicks where a selector finds something, as a hand does: what covers it is in the way.
    pub(super) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("element/{element}/click"), json!({})).await;
    }

    /// Writes into a field; of a field for files, the path of one.
    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// Runs a script that calls its last argument with its result.
    pub(super) async fn run_async(&self, script: &str) -> Value {
        self.ask("execute/async", json!({ "script": script, "args": [] })).await
    }

    /// Waits until a script returns something true. A page that is being left has no answer.
    pub(super) async fn wait_for(&self, what: &str, script: &str) {
        wait_until(what, async || {
            let body = json!({ "script": script, "args": [] });
            let answer =
                self.http.post(format!("{}/execute/sync", self.session)).json(&body).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            (answer["value"] == true).then_some(())
        })
        .await;
    }

    /// Waits until the window is at an address that begins with this.
    pub(super) async fn wait_at(&self, url: &str) {
        let script = format!("return location.href.startsWith({})", json!(url));
        self.wait_for(url, &script).await;
        self.wait_ready().await;
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(super) async fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions = json!([{ "type": "key", "id": "keys", "actions": strokes.collect::<Vec<_>>() }]);
        self.ask("actions", json!({ "actions": actions })).await;
    }

    /// The text that the page shows.
    pub(super) async fn text(&self) -> String {
        let text = self.run("return document.querySelector('main').innerText").await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until the page shows a text.
    pub(super) async fn wait_text(&self, text: &str) {
        let script = format!("return document.querySelector('main')?.innerText.includes({})", json!(text));
        self.wait_for(text, &script).await;
    }

    /// Logs in at a host, and goes to a page.
    pub(super) async fn log_in(&self, base: &str, token: &str, path: &str) {
        self.go(&format!("{base}/login?next={path}")).await;
        self.press(token).await;
        self.press(ENTER).await;
        self.wait_for("it is logged in", "return location.pathname !== '/login'").await;
        self.wait_at(&format!("{base}{path}")).await;
    }

    /// Makes the window as large as this, and its system light or dark.
    pub(super) async fn set_screen(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// Puts the browser's system into a time zone. Pages that come after that have it.
    pub(super) async fn set_zone(&self, zone: &str) {
        self.command("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    /// Has pages that come after that mark when their stream of news is open, for [`Browser::wait_stream`].
    pub(super) async fn mark_streams(&self) {
        let source = "window.EventSource = class extends EventSource {
            constructor(...parts) {
                super(...parts);
                this.addEventListener('open', () => { document.documentElement.dataset.stream = ''; });
            }
        };";
        self.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }

    /// Waits until the page follows the news of the host.
    pub(super) async fn wait_stream(&self) {
        let open = "return 'stream' in document.documentElement.dataset";
        self.wait_for("the stream of news is open", open).await;
    }

    /// Writes a picture of the whole page to `target/screenshots/`.
    pub(super) async fn take_picture(&self, name: &str) {
        let picture = self.command("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let picture = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap());
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("{name}.png")), picture.unwrap()).unwrap();
    }

    /// What axe-core finds wrong with the page for readers with other senses and tools.
    pub(super) async fn find_barriers(&self) -> Vec<String> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/e2e/browser/node_modules/axe-core/axe.min.js");
        let axe =
            fs::read_to_string(path).expect("axe-core is not installed: `scripts/test-npm` installs it");
        self.run(&axe).await;
        let script = "const done = arguments[arguments.length - 1];
            axe.run({ resultTypes: ['violations'] }).then((found) => done(found.violations.flatMap((rule) =>
                rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.failureSummary}`))),
                (error) => done([String(error)]));";
        let found = self.run_async(script).await;
        found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// What the browser complained about since the last call: scripts that failed, and what the policy forbade.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let found = self.ask("se/log", json!({ "type": "browser" })).await;
        let lines = found.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE");
        lines.map(|line| line["message"].to_string()).collect()
    }
}

impl Browser {
    /// Ends the session, and with it the browser.
    fn close(&self) -> io::Result<()> {
        let Some((authority, path)) = self.session.trim_start_matches("http://").split_once('/') else {
            return Ok(());
        };
        let mut stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "DELETE /{path} HTTP/1.1\r\nhost: {authority}\r\n\r\n")?;
        // The answer comes when the browser has ended. The driver keeps the connection open, whatever it is asked.
        BufReader::new(stream).read_line(&mut String::new()).map(drop)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that ends leaves its browser behind: the browser ends with its session.
        let _closed = self.close();
        let _ended = self.driver.kill();
        let _waited = self.driver.wait();
    }
}
