//! `fairlead demo`: the twins, every API, and one deal from won to paid; then it stays up.

use std::io::Write;

use anyhow::Context;
use chrono::Utc;
use vendor_twins::firm::{Addresses, Credentials};
use vendor_twins::run_all;

use crate::{Development, Finance, Platform, Story, deals};

/// People of the development firm, and what each may do.
const SIGN_INS: [(&str, &str); 7] = [
    ("anna.keller@northwind-advisory.example", "viewer: dashboard"),
    (
        "nora.lindqvist@northwind-advisory.example",
        "project accountant: dashboard with margins, exceptions",
    ),
    (
        "ines.fischer@northwind-advisory.example",
        "integration operator: exceptions, processes",
    ),
    (
        "david.okafor@northwind-advisory.example",
        "data steward: customers, mappings",
    ),
    ("claire.dubois@northwind-advisory.example", "auditor: audit log"),
    (
        "helen.cho@northwind-advisory.example",
        "resource manager: staffing",
    ),
    (CLIENT.0, "client: portal, once the deal is played"),
];

/// Who signs in at the portal for the client of the demonstration.
const CLIENT: (&str, &str) = ("lena.voss@helios-energy.example", "Lena Voss");

/// Runs until Ctrl-C.
///
/// # Errors
/// Something cannot be started, or the deal does not end paid.
pub async fn demo(set_up: &Development, play: bool) -> anyhow::Result<()> {
    set_up.write()?;
    let twins =
        run_all(set_up.twins()).context("the twins cannot be started; is `make run` running already?")?;
    let platform = Platform::start(|binary| set_up.table(binary)).await?;
    print_addresses(&platform, twins.addresses())?;
    let finance = Finance::new(set_up)?;
    let played = tokio::select! {
        played = prepare_and_play(set_up, &finance, play) => played,
        told = chassis::told_to_stop() => told,
    };
    if let Err(error) = &played {
        line(&format!("\nThe deal did not end as it should: {error:#}"))?;
    } else {
        line("\nEverything stays up. Ctrl-C stops it; started again, it goes on where it was.")?;
    }
    chassis::told_to_stop().await?;
    line("\nStopping.")?;
    platform.stop().await;
    twins.stop().await;
    played
}

async fn prepare_and_play(set_up: &Development, finance: &Finance, play: bool) -> anyhow::Result<()> {
    finance.set_mappings().await?;
    if !play {
        return Ok(());
    }
    line("\nOne deal, from won to paid:\n")?;
    let addresses = addresses(set_up);
    let story = Story::new(&addresses, finance, deals::helios(Utc::now().date_naive()))?;
    let told = story
        .play(&mut |told: &str| drop(line(&format!("  {}  {told}", Utc::now().format("%H:%M:%S")))))
        .await?;
    finance
        .connect_client(&told.project_code, CLIENT.0, CLIENT.1)
        .await?;
    Ok(())
}

/// Where the firm's people find the twins, and how they sign in there.
#[must_use]
pub fn addresses(set_up: &Development) -> Addresses {
    Addresses {
        salesforce: set_up.url("salesforce"),
        kantata: set_up.url("kantata"),
        netsuite: set_up.url("netsuite"),
        credentials: Credentials::development(),
    }
}

fn print_addresses(platform: &Platform, twins: Vec<(&'static str, &str)>) -> anyhow::Result<()> {
    line("Fairlead, with emulated vendors. Contracts and documentation are at /docs/ of each API.\n")?;
    for (name, address) in platform.addresses() {
        line(&format!("  {name:<36} {address}"))?;
    }
    line("")?;
    for (name, address) in twins {
        line(&format!("  twin {name:<31} {address}"))?;
    }
    line("\nSign in at the pages with one of these (no password):\n")?;
    for (email, what) in SIGN_INS {
        line(&format!("  {email:<45} {what}"))?;
    }
    Ok(())
}

fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
