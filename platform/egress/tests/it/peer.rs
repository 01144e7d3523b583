//! A server on loopback that does, request by request, what a test tells it to.

use std::sync::{Arc, Mutex};

use egress::{EgressSettings, HttpClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What became of a request at the peer.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer: status, further header lines, body.
    Whole(u16, &'static str, String),
    /// A status and headers that promise more body than comes.
    CutOff(u16),
    /// These bytes, head and all.
    Raw(Vec<u8>),
    /// The connection is closed without an answer.
    Hangup,
    /// Nothing, until the notice comes; then a whole 200.
    Wait(Arc<Notify>),
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Whole(status, "", "{}".to_owned())
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::Whole(200, "content-type: application/json\r\n", body.to_owned())
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// Method and target.
    pub(crate) line: String,
    /// Header lines in small letters.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Peer {
    pub(crate) url: url::Url,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// A peer whose n-th request (from 0) is answered by `script`.
    pub(crate) async fn start(script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (log, script) = (Arc::clone(&received), Arc::new(script));
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move { converse(stream, connection, &log, script.as_ref()).await });
            }
        });
        Self { url, received, task }
    }

    /// A peer that always answers the same.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn settings(&self) -> EgressSettings {
        EgressSettings::new("erp/main", self.url.clone())
    }

    pub(crate) fn client(&self) -> HttpClient {
        HttpClient::new(self.settings()).unwrap()
    }
}

async fn converse(
    mut stream: TcpStream,
    connection: usize,
    log: &Mutex<Vec<Received>>,
    script: &(dyn Fn(usize, &Received) -> Reply + Send + Sync),
) {
    while let Some(request) = receive(&mut stream, connection).await {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let bytes = match script(number, &request) {
            Reply::Whole(status, headers, body) => answer(status, headers, &body).into_bytes(),
            Reply::Raw(bytes) => bytes,
            Reply::CutOff(status) => {
                let text = format!("HTTP/1.1 {status} x\r\ncontent-length: 100\r\n\r\n{{\"id\"");
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Reply::Hangup => return,
            Reply::Wait(notice) => {
                notice.notified().await;
                answer(200, "", "{}").into_bytes()
            }
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

async fn receive(stream: &mut TcpStream, connection: usize) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Received {
        connection,
        line,
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| format!("{}: {}", name.to_ascii_lowercase(), value.trim()))
            .collect(),
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = bytes[head_end + 4..].to_vec();
    while body.len() < length {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&part[..read]);
    }
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}
