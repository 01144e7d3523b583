//! The same stories with the books in a real ERP: a Tryton server that `scripts/tryton/install` has made. Its ledger is not
//! ours, so what it says is not what we would like to hear.
//!
//! `FAIRLEAD_TEST_TRYTON` names the installation's folder; without it these tests say that they are skipped. Each test runs
//! on a copy of the firm's database, with a server of its own.

mod exceptions;
mod faults;
mod ledger;
mod proxy;
mod same;
mod story;

use std::path::PathBuf;

use fairlead::{Development, Erp, Installation, Story, Told, TrytonServer, addresses};
use tempfile::TempDir;
use vendor_twins::firm::{Deal, Tryton};

use crate::world::World;

/// The installation to test against.
fn installed() -> Option<Installation> {
    match std::env::var_os("FAIRLEAD_TEST_TRYTON") {
        Some(folder) => Some(Installation::at(&PathBuf::from(folder)).unwrap()),
        None => {
            eprintln!("skipped: FAIRLEAD_TEST_TRYTON is not set; make test-tryton sets it");
            None
        }
    }
}

/// A firm whose books are in Tryton.
struct Firm {
    world: World,
    /// Its finance person there.
    tryton: Tryton,
    server: Option<TrytonServer>,
}

impl Firm {
    async fn start(installation: Installation) -> Self {
        let (folder, set_up) = set_up(installation);
        Self::start_at(folder, set_up).await
    }

    /// With a set-up that differs.
    async fn start_at(folder: TempDir, set_up: Development) -> Self {
        let server = serve(&set_up).await;
        let world = World::start_with(folder, set_up).await;
        let tryton = world.finance.at_tryton().unwrap().unwrap();
        Self {
            world,
            tryton,
            server: Some(server),
        }
    }

    /// Plays a deal until its invoice stands in the ledger.
    async fn play_to_invoice(&self, deal: &Deal) -> Told {
        let story = self.story(deal);
        let mut lines = Vec::new();
        match story
            .play_to_invoice(&mut |line: &str| lines.push(line.to_owned()))
            .await
        {
            Ok(told) => told,
            Err(error) => self.in_vain(&error, &lines).await,
        }
    }

    /// Plays the rest of it.
    async fn play_to_payment(&self, deal: &Deal, told: &Told) {
        let story = self.story(deal);
        let mut lines = Vec::new();
        if let Err(error) = story
            .play_to_payment(told, &mut |line: &str| lines.push(line.to_owned()))
            .await
        {
            self.in_vain(&error, &lines).await
        }
    }

    fn story(&self, deal: &Deal) -> Story<'_> {
        Story::new(&addresses(&self.world.set_up), &self.world.finance, deal.clone()).unwrap()
    }

    async fn in_vain(&self, error: &anyhow::Error, lines: &[String]) -> ! {
        panic!(
            "{error:#}\nafter {lines:#?}\n{}\n{:#?}",
            self.world.open_matters().await,
            self.world.exceptions().await
        )
    }

    async fn stop(mut self) {
        self.world.stop().await;
        if let Some(server) = self.server.take() {
            server.stop().await.unwrap();
        }
    }
}

/// A set-up in a folder of its own. Nothing listens yet.
fn set_up(installation: Installation) -> (TempDir, Development) {
    let folder = tempfile::tempdir().unwrap();
    let set_up = Development::on_free_ports(folder.path()).unwrap();
    let set_up = set_up.with_tryton(installation);
    (folder, set_up)
}

async fn serve(set_up: &Development) -> TrytonServer {
    let Erp::Tryton(installation) = set_up.erp() else {
        panic!("not a set-up with Tryton");
    };
    let data = set_up.data().join("tryton");
    TrytonServer::start(installation, &data, set_up.port("tryton"))
        .await
        .unwrap()
}
