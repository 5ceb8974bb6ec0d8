//! An SMTP server, which records its emails and replies as a test says. It is as lenient as the worst one: LF
//! alone ends a line, and also an email.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// An email as it was handed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceivedEmail {
    /// Of the envelope.
    pub(crate) from: String,
    /// Of the envelope.
    pub(crate) to: Vec<String>,
    /// Headers and body with their line ends as they came, without the dots that the protocol adds.
    pub(crate) data: String,
    /// Which connection brought it, from 0.
    pub(crate) connection: usize,
}

impl ReceivedEmail {
    /// A header's value, unfolded.
    pub(crate) fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default().to_owned()
    }
}

/// A reply in place of the usual one, by the number of received emails and the line: `None` = as
/// usual, an empty text = nothing, ever.
type ReplyOverride = dyn Fn(usize, &str) -> Option<String> + Send + Sync;

/// A server on a port of the kernel's choice. It ends when it is dropped.
pub(crate) struct Smtp {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    received: Mutex<Vec<ReceivedEmail>>,
    lines: Mutex<Vec<String>>,
    reply_override: Box<ReplyOverride>,
}

impl Smtp {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| None).await
    }

    /// Starts a server that replies as `reply_override` says. The end of an email's text is the line `.`, and a new
    /// connection the line `CONNECT`.
    pub(crate) async fn start_with(
        reply_override: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (received, lines) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { received, lines, reply_override: Box::new(reply_override) });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The emails it took, in order.
    pub(crate) fn received(&self) -> Vec<ReceivedEmail> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Every command it got.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.shared.lines.lock().unwrap().clone()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // The other side may go at any time.
            let _gone = talk(stream, &shared, connection).await;
        });
    }
}

async fn talk(stream: TcpStream, shared: &Shared, connection: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut email = ReceivedEmail { connection, ..ReceivedEmail::default() };
    let mut line = "CONNECT".to_owned();
    loop {
        let mut usual = match line.split([' ', ':']).next().unwrap().to_ascii_uppercase().as_str() {
            "CONNECT" => "220 test.example ESMTP",
            "EHLO" => "250-test.example\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 2.0.0 ok",
        };
        if line == "DATA" && (shared.reply_override)(shared.received.lock().unwrap().len(), &line).is_none() {
            stream.get_mut().write_all(b"354 go on\r\n").await?;
            email.data = text(&mut stream).await?;
            usual = "250 2.0.0 queued";
            ".".clone_into(&mut line);
        }
        let count = shared.received.lock().unwrap().len();
        let reply_override = (shared.reply_override)(count, &line);
        if reply_override.as_ref().is_some_and(String::is_empty) {
            std::future::pending::<()>().await;
        }
        if reply_override.is_none() {
            let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            match line.get(..4) {
                Some("MAIL") => {
                    email = ReceivedEmail { from: address(), connection, ..ReceivedEmail::default() }
                }
                Some("RCPT") => email.to.push(address()),
                None if line == "." => shared.received.lock().unwrap().push(email.clone()),
                _ => {}
            }
        }
        let answer = reply_override.unwrap_or_else(|| usual.into());
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        line.truncate(line.trim_end().len());
        shared.lines.lock().unwrap().push(line.clone());
    }
}

/// The text of an email up to the line with a dot.
async fn text(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim_end_matches(['\r', '\n']) == "." {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
