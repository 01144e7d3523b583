//! What stands between connector and server and does to chosen calls what networks do.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server carries it out; the connection ends without a word.
    AnswerLost,
    /// It never reaches the server.
    NeverArrives,
    /// It is answered with this status and does not reach the server.
    Status(u16),
}

#[derive(Default)]
struct State {
    /// Faults to come: end of the method's name, what happens, how often.
    armed: Vec<(String, Fault, usize)>,
    fired: usize,
    /// Names of all methods that were called.
    seen: Vec<String>,
}

/// A proxy at work; it ends with this value.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of a server.
    pub(crate) async fn before(server: &str) -> Self {
        let target = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    return;
                };
                let (target, state) = (target.clone(), Arc::clone(&shared));
                tokio::spawn(async move { serve(client, &target, &state).await });
            }
        });
        Self { url, state, task }
    }

    /// From now on, the next calls to methods that end like this.
    pub(crate) fn arm(&self, method: &str, fault: Fault, times: usize) {
        let mut state = self.state.lock().unwrap();
        state.armed = vec![(method.to_owned(), fault, times)];
        state.fired = 0;
    }

    /// Faults that happened since they were armed.
    pub(crate) fn fired(&self) -> usize {
        self.state.lock().unwrap().fired
    }

    /// Calls to a method so far.
    pub(crate) fn calls(&self, method: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|seen| seen.ends_with(method)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request a connection, which keeps it simple.
async fn serve(mut client: TcpStream, target: &str, state: &Mutex<State>) -> Option<()> {
    let request = message(&mut client).await?;
    let at = body_of(&request)?;
    let body: Value = serde_json::from_slice(&request[at..]).ok()?;
    let method = body["method"].as_str().unwrap_or_default().to_owned();
    let fault = {
        let mut state = state.lock().unwrap();
        state.seen.push(method.clone());
        let armed = state
            .armed
            .iter_mut()
            .find(|(name, _, left)| *left > 0 && method.ends_with(name.as_str()));
        let fault = armed.map(|(_, fault, left)| {
            *left -= 1;
            *fault
        });
        state.fired += usize::from(fault.is_some());
        fault
    };
    match fault {
        Some(Fault::NeverArrives) => return None,
        Some(Fault::Status(status)) => {
            let answer = format!("HTTP/1.1 {status} Fault\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes()).await.ok();
        }
        Some(Fault::AnswerLost) | None => {}
    }
    let mut server = TcpStream::connect(target).await.ok()?;
    server.write_all(&request).await.ok()?;
    let answer = message(&mut server).await?;
    if fault.is_some() {
        return None;
    }
    client.write_all(&answer).await.ok()
}

fn body_of(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// A whole message; one without a length ends with its connection.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 65_536]);
    loop {
        let read = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(at) = body_of(&bytes) else {
            if read == 0 {
                return None;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        match length {
            Some(length) if bytes.len() >= at + length => return Some(bytes),
            _ if read == 0 => return Some(bytes),
            _ => {}
        }
    }
}
