//! What stands between the platform and Tryton and loses answers: the request goes through, Tryton carries it out, and the
//! connection ends without a word.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Ends of the names of calls that only look.
const READS: [&str; 6] = [
    ".search",
    ".search_read",
    ".search_count",
    ".read",
    ".get_preferences",
    ".fields_get",
];

/// A proxy at work; it ends with this value.
pub(super) struct Proxy {
    pub(super) url: String,
    lost: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of a port. The first answer to each kind of write is lost.
    pub(super) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lost: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let seen = Arc::clone(&lost);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks is the client's to bear.
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { pass(client, port, &seen).await });
            }
        });
        Self { url, lost, task }
    }

    /// Kinds of writes whose first answer was lost, such as `party.party.create`.
    pub(super) fn lost(&self) -> BTreeSet<String> {
        self.lost.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, which carries one request: the answer says so.
async fn pass(mut client: TcpStream, port: u16, lost: &Mutex<BTreeSet<String>>) -> std::io::Result<()> {
    let Some((head, body)) = request(&mut client).await? else {
        return Ok(());
    };
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.write_all(closing(&head).as_bytes()).await?;
    server.write_all(&body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    if let Some(kind) = write_of(&body)
        && succeeded(&answer)
        && lost.lock().unwrap().insert(kind)
    {
        return Ok(());
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Head and body of the request on a connection; nothing where it was opened for none.
async fn request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(str::to_owned)
        })
        .map_or(0, |length| length.trim().parse::<usize>().unwrap());
    let mut body = read.split_off(end);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some((head, body)))
}

/// The head with the wish that the connection ends after the answer.
fn closing(head: &str) -> String {
    let lines = head
        .lines()
        .filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:"));
    let kept = lines.collect::<Vec<_>>().join("\r\n");
    format!("{kept}\r\nConnection: close\r\n\r\n")
}

/// The kind of write of a call; nothing for what only looks, and for signing in.
fn write_of(body: &[u8]) -> Option<String> {
    let call: Value = serde_json::from_slice(body).ok()?;
    let method = call["method"].as_str()?;
    let name = method
        .strip_prefix("model.")
        .or_else(|| method.strip_prefix("wizard."))?;
    (!READS.iter().any(|read| name.ends_with(read))).then(|| name.to_owned())
}

/// Tryton did what it was asked.
fn succeeded(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str::<Value>(body).is_ok_and(|answer| answer.get("result").is_some())
}
