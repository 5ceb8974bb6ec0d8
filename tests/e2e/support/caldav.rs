//! Radicale, a real `CalDAV` server, from the virtual environment that `scripts/test-venv` makes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method, StatusCode};

use super::{free_address, wait_until};

/// The Python of the servers that tests start.
pub(crate) fn test_python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-venv/bin/python");
    assert!(python.exists(), "{}: `scripts/test-venv` makes it", python.display());
    python
}

/// A server with one user and one calendar. It ends when it is dropped.
pub(crate) struct CalDav {
    dir: tempfile::TempDir,
    process: Child,
    origin: String,
    http: Client,
}

impl CalDav {
    /// Who may use it.
    pub(crate) const USER: &str = "desk";
    /// The user's password.
    pub(crate) const PASSWORD: &str = "a pass: with a colon, and é";

    const CALENDAR: &str = "/desk/appointments";

    /// Starts one with an empty calendar.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = free_address();
        let (users, log) = (dir.path().join("users"), dir.path().join("log"));
        fs::write(&users, format!("{}:{}\n", Self::USER, Self::PASSWORD)).unwrap();
        let config = format!(
            "[server]\nhosts = {address}\n[encoding]\nstock = utf-8\n[auth]\ntype = htpasswd\n\
             htpasswd_filename = {}\nhtpasswd_encryption = plain\n[storage]\nfilesystem_folder = {}\n",
            users.display(),
            dir.path().join("calendars").display(),
        );
        let file = dir.path().join("config");
        fs::write(&file, config).unwrap();
        let process = Command::new(test_python())
            .args(["-m", "radicale", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        let http = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let mut server = Self { dir, process, origin: format!("http://{address}"), http };
        wait_until("the CalDAV server listens", async || {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "the CalDAV server ended with {ended:?}:\n{}", server.log());
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        let (made, text) = server.request("MKCALENDAR", Self::CALENDAR, "").await;
        assert_eq!(made, StatusCode::CREATED, "{text}\n{}", server.log());
        server
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Where the calendar is.
    pub(crate) fn calendar(&self) -> String {
        format!("{}{}", self.origin, Self::CALENDAR)
    }

    /// The objects that have an event on this day (`20260126`), by their names in the calendar: the lines of
    /// each, unfolded. The server reads their dates to find them.
    pub(crate) async fn on(&self, day: &str) -> BTreeMap<String, Vec<String>> {
        let query = format!(
            "<C:calendar-query xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>\
             <D:prop><C:calendar-data/></D:prop>\
             <C:filter><C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'>\
             <C:time-range start='{day}T000000Z' end='{day}T235959Z'/>\
             </C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
        );
        let (code, found) = self.request("REPORT", Self::CALENDAR, &query).await;
        assert_eq!(code, StatusCode::MULTI_STATUS, "{found}\n{}", self.log());
        let mut objects = BTreeMap::new();
        for name in hrefs(&found) {
            let (code, object) = self.request("GET", name, "").await;
            assert_eq!(code, StatusCode::OK, "{object}");
            let name = name.rsplit('/').next().unwrap().to_owned();
            objects.insert(name, object.replace("\r\n ", "").lines().map(str::to_owned).collect());
        }
        objects
    }

    /// The names of all that is in the calendar.
    pub(crate) async fn names(&self) -> Vec<String> {
        let (code, found) = self.request("PROPFIND", Self::CALENDAR, "").await;
        assert_eq!(code, StatusCode::MULTI_STATUS, "{found}");
        let mut names: Vec<String> =
            hrefs(&found).filter_map(|href| Some(href.rsplit_once('/')?.1.to_owned())).collect();
        names.retain(|name| !name.is_empty());
        names.sort();
        names
    }

    async fn request(&self, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.origin)).header("Depth", "1");
        let request = request.basic_auth(Self::USER, Some(Self::PASSWORD)).body(body.to_owned());
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

fn hrefs(found: &str) -> impl Iterator<Item = &str> {
    let inner = |after: &'_ str| after.find("</href>");
    found.split("<response><href>").skip(1).map(move |after| &after[..inner(after).unwrap()])
}

impl Drop for CalDav {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
