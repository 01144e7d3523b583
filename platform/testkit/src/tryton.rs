//! A Tryton server of a test's own, on a copy of the database of an installation that `scripts/tryton/install` made.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper of tests ends the test it helps, and says that it is skipped"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Tries for a port: what is free when we look may be taken when the server listens.
const TRIES: usize = 5;

/// A server at work. It ends with this value, and its database with it.
pub struct Tryton {
    /// Where it answers.
    pub url: String,
    installation: PathBuf,
    ids: Value,
    folder: tempfile::TempDir,
    child: Child,
}

impl Tryton {
    /// Starts a server. `None` where the environment variable `FAIRLEAD_TEST_TRYTON` names no installation: the test says
    /// that it is skipped.
    pub async fn start() -> Option<Self> {
        // Tests have no settings: this variable names the installation.
        let folder = std::env::var_os("FAIRLEAD_TEST_TRYTON");
        let Some(installation) = folder.map(PathBuf::from) else {
            println!("skipped: FAIRLEAD_TEST_TRYTON is not set; make test-tryton sets it");
            return None;
        };
        let ids = std::fs::read(installation.join("ids.json")).expect("an installation of Tryton");
        let ids = serde_json::from_slice(&ids).expect("the installation's ids");
        let folder = tempfile::tempdir().expect("a folder for the server");
        std::fs::copy(
            installation.join("template/firm.sqlite"),
            folder.path().join("firm.sqlite"),
        )
        .expect("the installation's database");
        for _ in 0..TRIES {
            let port = free_port();
            let mut child = spawn(&installation, folder.path(), port);
            if answers(&mut child, port).await {
                return Some(Self {
                    url: format!("http://127.0.0.1:{port}"),
                    installation,
                    ids,
                    folder,
                    child,
                });
            }
            let _ = child.kill();
        }
        let log = std::fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
        panic!("Tryton does not start: {log}");
    }

    /// An id of the firm's records by its path in `ids.json`, such as `/roles/consultant`.
    ///
    /// # Panics
    /// The installation has none of that name.
    #[must_use]
    pub fn id(&self, path: &str) -> i64 {
        let id = self.ids.pointer(path).and_then(Value::as_i64);
        id.unwrap_or_else(|| panic!("ids.json has no {path}"))
    }

    /// File of a user's password.
    #[must_use]
    pub fn password_file(&self, login: &str) -> PathBuf {
        self.installation.join("secrets").join(login)
    }

    /// Signs a person in, as the vendor's own client does.
    pub async fn person(&self, login: &str) -> Person {
        let password = std::fs::read_to_string(self.password_file(login)).expect("the person's password");
        let url = format!("{}/firm/rpc/", self.url);
        let mut person = Person {
            url,
            session: String::new(),
            context: json!({}),
        };
        let signed = person
            .call(
                "common.db.login",
                json!([login, { "password": password.trim() }, "en"]),
            )
            .await;
        let (user, session) = (
            signed[0].as_i64().unwrap_or_default(),
            signed[1].as_str().unwrap_or_default(),
        );
        person.session = format!("Session {}", STANDARD.encode(format!("{login}:{user}:{session}")));
        person.context = person
            .call("model.res.user.get_preferences", json!([true, {}]))
            .await;
        person
    }

    /// Ends the server as a power cut would.
    ///
    /// # Panics
    /// It cannot be ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server can be ended");
        self.child.wait().expect("the server has ended");
    }

    /// Starts it again where it was, on the same port and database.
    ///
    /// # Panics
    /// It does not answer.
    pub async fn restart(&mut self) {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let port: u16 = port.expect("the server's port");
        self.child = spawn(&self.installation, self.folder.path(), port);
        assert!(
            answers(&mut self.child, port).await,
            "Tryton does not start again"
        );
    }
}

impl Drop for Tryton {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who is signed in.
pub struct Person {
    url: String,
    session: String,
    context: Value,
}

impl Person {
    /// A method of a model, such as `account.invoice.post`; the person's context is its last parameter.
    ///
    /// # Panics
    /// Tryton refuses.
    pub async fn model(&self, method: &str, params: Value) -> Value {
        let mut params = params.as_array().cloned().unwrap_or_default();
        params.push(self.context.clone());
        self.call(&format!("model.{method}"), json!(params)).await
    }

    /// Any call.
    ///
    /// # Panics
    /// Tryton refuses.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({ "id": 1, "method": method, "params": params });
        let mut request = crate::http().post(&self.url).json(&body);
        if !self.session.is_empty() {
            request = request.header("authorization", &self.session);
        }
        let answer = request.send().await.expect("Tryton answers");
        let status = answer.status();
        let mut answer: Value = answer
            .json()
            .await
            .unwrap_or_else(|_| panic!("{method}: status {status}"));
        assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// The person's context, for calls that want more in it.
    #[must_use]
    pub fn context(&self) -> &Value {
        &self.context
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn spawn(installation: &Path, folder: &Path, port: u16) -> Child {
    let config = folder.join("trytond.conf");
    let settings = format!(
        "[database]\nuri = sqlite://\npath = {}\n\n[web]\nlisten = 127.0.0.1:{port}\n",
        folder.display()
    );
    std::fs::write(&config, settings).expect("the server's settings");
    let log = std::fs::File::create(folder.join("server.log")).expect("the server's log");
    Command::new(installation.join(".venv/bin/python"))
        .arg(installation.join(".venv/bin/trytond"))
        .arg("-c")
        .arg(&config)
        .args(["-d", "firm"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the server's log"))
        .stderr(log)
        .spawn()
        .expect("the installation's Python starts")
}

/// Whether the server answers; it may also end by itself, where its port was taken.
async fn answers(child: &mut Child, port: u16) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
