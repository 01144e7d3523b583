//! The vendors' twins as one program, for work on a connector and for trying other people's clients.

use std::path::PathBuf;

use clap::Parser;
use vendor_twins::{Place, TwinsSettings, run_all};

/// Emulated vendors on loopback ports.
#[derive(Parser)]
struct Arguments {
    /// Port of the Salesforce twin; 0 = any free one.
    #[arg(long, default_value_t = 8201)]
    salesforce: u16,
    /// Port of the NetSuite twin; 0 = any free one.
    #[arg(long, default_value_t = 8202)]
    netsuite: u16,
    /// Port of the Kantata twin; 0 = any free one.
    #[arg(long, default_value_t = 8203)]
    kantata: u16,
    /// Port of the OpenID provider; 0 = any free one.
    #[arg(long, default_value_t = 8290)]
    openid: u16,
    /// Folder of the journals; without it nothing outlives the program.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the fault generators start.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Arguments {
        salesforce,
        netsuite,
        kantata,
        openid,
        data,
        seed,
    } = Arguments::parse();
    let twins = run_all(TwinsSettings {
        data,
        seed,
        salesforce: Some(Place::at(salesforce)),
        netsuite: Some(Place::at(netsuite)),
        kantata: Some(Place::at(kantata)),
        openid: Some(Place::at(openid)),
    })?;
    for (name, address) in twins.addresses() {
        tracing::info!(name, address, "twin is listening");
    }
    tokio::signal::ctrl_c().await?;
    twins.stop().await;
    Ok(())
}
