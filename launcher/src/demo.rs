//! `fairlead demo`: the twins (with `--tryton`, a real ERP among them), every API, and one deal from won to paid; then it stays up.

use std::io::Write;

use anyhow::Context;
use chrono::Utc;
use rust_decimal::Decimal;
use vendor_twins::firm::{Addresses, Credentials};
use vendor_twins::run_all;

use crate::tryton::FINANCE;
use crate::{Development, Erp, Finance, Platform, Story, Told, TrytonServer, deals};

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
    let tryton = start_tryton(set_up).await?;
    let platform = Platform::start(|binary| set_up.table(binary)).await?;
    print_addresses(set_up, &platform, twins.addresses())?;
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
    if let Some(tryton) = tryton {
        tryton.stop().await?;
    }
    played
}

async fn start_tryton(set_up: &Development) -> anyhow::Result<Option<TrytonServer>> {
    match set_up.erp() {
        Erp::NetSuite => Ok(None),
        Erp::Tryton(installation) => {
            let data = set_up.data().join("tryton");
            let server = TrytonServer::start(installation, &data, set_up.port("tryton")).await?;
            Ok(Some(server))
        }
    }
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
    print_ledger(set_up, finance, &told).await
}

/// The deal in Tryton's own books, as finance reads them there.
async fn print_ledger(set_up: &Development, finance: &Finance, told: &Told) -> anyhow::Result<()> {
    let (Erp::Tryton(installation), Some(tryton)) = (set_up.erp(), finance.at_tryton()?) else {
        return Ok(());
    };
    line("\nIn Tryton's own books:\n")?;
    let (mut debits, mut credits) = (Decimal::ZERO, Decimal::ZERO);
    for (code, balance) in tryton.trial_balance().await? {
        line(&format!(
            "  {code:<7} {:<38} {:>14} {:>14}",
            balance.account, balance.debit, balance.credit
        ))?;
        debits += balance.debit;
        credits += balance.credit;
    }
    let verdict = if debits == credits {
        "in balance"
    } else {
        "OUT OF BALANCE"
    };
    line(&format!(
        "  {:<46} {debits:>14} {credits:>14}  {verdict}\n",
        "sum of debits, of credits"
    ))?;
    for invoice in tryton.invoices(&told.customer_id).await? {
        line(&format!(
            "  invoice {} over {} {} is {}; still to be paid: {}",
            invoice.number.unwrap_or_default(),
            invoice.total,
            invoice.currency,
            invoice.state,
            invoice.to_pay
        ))?;
    }
    let client = match installation.pages() {
        Some(_) => "in a browser",
        None => "with Tryton's desktop client",
    };
    line(&format!(
        "\nLook at it {client}: {}, database {}, user {FINANCE}, password in {}",
        set_up.url("tryton"),
        installation.database(),
        installation.password_file(FINANCE).display()
    ))
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

fn print_addresses(
    set_up: &Development,
    platform: &Platform,
    twins: Vec<(&'static str, &str)>,
) -> anyhow::Result<()> {
    line("Fairlead, with emulated vendors. Contracts and documentation are at /docs/ of each API.\n")?;
    for (name, address) in platform.addresses() {
        line(&format!("  {name:<36} {address}"))?;
    }
    line("")?;
    for (name, address) in twins {
        line(&format!("  twin {name:<31} {address}"))?;
    }
    if let Erp::Tryton(_) = set_up.erp() {
        line(&format!(
            "  {:<36} {}",
            "Tryton, a real ERP",
            set_up.url("tryton")
        ))?;
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
