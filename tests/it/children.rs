//! Our APIs as processes of their own, beside twins that outlive them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fairlead::{BINARIES, Platform};
use toml::Table;

use crate::world::World;

/// Names the set-up's folder to a child of this test binary.
const FOLDER: &str = "FAIRLEAD_TEST_FOLDER";

/// A process that dies with its handle.
pub(crate) struct Process(Child);

impl Process {
    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; a test that failed must leave nothing behind either way.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Every API in one process of its own: this test binary, asked for [`apis_in_one_process`].
pub(crate) fn all_in_one(world: &World) -> Process {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "children::apis_in_one_process",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, world.data())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Process(child)
}

/// Not a test: what [`all_in_one`] runs. It ends by being killed.
#[actix_web::test]
#[ignore = "run as a child by other tests"]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent test says where its set-up is"
)]
async fn apis_in_one_process() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect("only a test starts this"));
    let table = |binary: &str| -> anyhow::Result<Table> {
        let file = folder.join("config").join(format!("{binary}.toml"));
        Ok(std::fs::read_to_string(file)?.parse()?)
    };
    let _platform = Platform::start(table).await.unwrap();
    std::future::pending::<()>().await;
}

/// The twelve binaries, each with the settings file that the set-up wrote for it.
pub(crate) fn twelve(world: &World) -> Vec<Process> {
    BINARIES
        .iter()
        .map(|(binary, _)| {
            let path = target().join(binary);
            let child = Command::new(&path)
                .env("FAIRLEAD_CONFIG", world.set_up.config_file(binary))
                .env("FAIRLEAD__TELEMETRY__LEVEL", "error")
                .current_dir(world.data())
                .stdout(Stdio::null())
                .spawn();
            Process(child.unwrap_or_else(|e| {
                panic!(
                    "{}: {e}; build it: cargo build --workspace --bins",
                    path.display()
                )
            }))
        })
        .collect()
}

/// Where cargo puts the binaries of the profile that this test was built in.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(|deps| deps.parent()).unwrap().to_owned()
}

/// Every API answers that it is ready.
pub(crate) async fn ready(world: &World) {
    let end = tokio::time::Instant::now() + Duration::from_secs(90);
    let http = testkit::http();
    for (binary, _) in BINARIES {
        let url = format!("{}/health/ready", world.set_up.url(binary));
        while !http
            .get(&url)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            assert!(
                tokio::time::Instant::now() < end,
                "{binary} is not ready after 90 s"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
