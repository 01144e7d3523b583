//! Kills the real binaries at random moments while deals are won, delivered, posted, billed and paid, starts them again
//! at once, and compares what the vendors hold at the end with what was approved.
//!
//! The vendors' twins are a process of their own that is never killed: their write logs are the witness. The seed
//! decides what is sold and worked, who is killed and after which pause; where a binary is at that moment it decides
//! not, because real processes run in real time.

mod fleet;
mod invariants;
mod killing;
mod load;
mod phase;
mod progress;
mod vendors;
mod watch;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use fairlead::{Development, Finance};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::fleet::Fleet;
use crate::invariants::Verdict;
use crate::killing::Tally;
use crate::progress::Progress;
use crate::watch::Watch;

/// Longest time without any progress before it is called a standstill.
const STANDSTILL: Duration = Duration::from_secs(300);

/// Kills the APIs under load and proves that every approved entry was posted and billed once.
#[derive(Parser)]
struct Arguments {
    /// Processes to kill.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Approved time entries, over all deals.
    #[arg(long, default_value_t = 500)]
    entries: u32,
    /// Where the random choices begin; without it one is drawn and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder of databases and logs; emptied first.
    #[arg(long, default_value = "target/prove-kills")]
    data: PathBuf,
    /// Folder of the binaries; without it, where this one is.
    #[arg(long)]
    binaries: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    say(&format!(
        "seed {seed}: {} kills, {} time entries",
        arguments.kills, arguments.entries
    ))?;
    let began = Instant::now();
    let proof = tokio::select! {
        proof = prove(&arguments, seed) => proof?,
        _ = tokio::signal::ctrl_c() => bail!("stopped; seed {seed}"),
    };
    report(&proof, seed, began.elapsed())?;
    if !proof.verdict.holds() {
        bail!(
            "an invariant does not hold; databases and logs are in {}",
            arguments.data.display()
        );
    }
    Ok(())
}

/// What was seen.
struct Proof {
    tally: Tally,
    settled: phase::Settled,
    verdict: Verdict,
}

async fn prove(arguments: &Arguments, seed: u64) -> anyhow::Result<Proof> {
    let set_up = prepare(&arguments.data)?;
    let binaries = match &arguments.binaries {
        Some(folder) => folder.clone(),
        None => std::env::current_exe()?
            .parent()
            .context("this binary is in no folder")?
            .to_owned(),
    };
    let mut fleet = Fleet::start(&set_up, &binaries).await?;
    let finance = Finance::new(&set_up)?;
    finance.set_mappings().await?;

    let mut random = StdRng::seed_from_u64(seed);
    let plan = load::plan(&mut random, arguments.entries);
    let progress = Arc::new(Progress::new(plan.len(), arguments.kills));
    let watch = Watch::new(&set_up)?;
    say(&format!(
        "the firm sells {} deals; {} APIs are at work",
        plan.len(),
        fleet.names().len()
    ))?;

    let watching = tokio::spawn(watch.clone().look(Arc::clone(&progress)));
    let telling = tokio::spawn(tell(Arc::clone(&progress)));
    let both = async {
        let played = load::play(&set_up, &plan, &progress, &watch);
        let killed = killing::kill(&mut fleet, &mut random, &progress);
        tokio::try_join!(played, killed)
    };
    let ended = tokio::select! {
        ended = both => ended,
        () = progress.standstill(STANDSTILL) => {
            let matters = watch.open_matters().await;
            Err(anyhow::anyhow!("nothing moved for {} s:\n{matters}", STANDSTILL.as_secs()))
        }
    };
    let (played, tally) = ended?;
    fleet.ready().await?;
    say("the load is through; everything comes to rest")?;
    tokio::select! {
        settled = watch.at_rest(&played) => settled?,
        () = progress.standstill(STANDSTILL) => {
            say(&format!("not everything came to rest:\n{}", watch.open_matters().await))?;
        }
    }
    watching.abort();
    telling.abort();

    say("the vendors' records are compared")?;
    let settled = phase::settled(&set_up).await?;
    let verdict = invariants::check(&set_up, &played, &watch).await?;
    fleet.stop();
    Ok(Proof {
        tally,
        settled,
        verdict,
    })
}

/// An empty folder with settings for every binary: short leases and pauses, so that a second is worth a kill.
fn prepare(data: &std::path::Path) -> anyhow::Result<Development> {
    if data.exists() {
        std::fs::remove_dir_all(data).with_context(|| format!("{} cannot be emptied", data.display()))?;
    }
    std::fs::create_dir_all(data.join("logs"))?;
    let set_up = Development::on_free_ports(&data.canonicalize()?)?;
    set_up.write()?;
    fleet::quicken(&set_up)?;
    Ok(set_up)
}

async fn tell(progress: Arc<Progress>) {
    let mut every = tokio::time::interval(Duration::from_secs(15));
    every.tick().await;
    loop {
        every.tick().await;
        if say(&progress.line()).is_err() {
            return;
        }
    }
}

fn report(proof: &Proof, seed: u64, took: Duration) -> anyhow::Result<()> {
    let Proof {
        tally,
        settled,
        verdict,
    } = proof;
    say("\nkills by binary")?;
    table(&tally.by_binary)?;
    say("kills that met an instance in this step")?;
    table(&tally.by_step)?;
    say("compared")?;
    table(&verdict.compared)?;
    for (invariant, records) in &verdict.broken {
        say(&format!("BROKEN  {invariant}: {}", records.len()))?;
        for record in records.iter().take(20) {
            say(&format!("    {record}"))?;
        }
        if records.len() > 20 {
            say(&format!("    and {} more", records.len() - 20))?;
        }
    }
    say("")?;
    say(&format!("seed                        {seed}"))?;
    say(&format!("kills                       {}", tally.kills))?;
    say("kills by phase")?;
    table(&tally.by_phase)?;
    say(&format!(
        "effects settled by look-up  {} ({} found and adopted, {} not there and sent again)",
        settled.adopted + settled.sent_again,
        settled.adopted,
        settled.sent_again
    ))?;
    say(&format!("missing                     {}", verdict.missing()))?;
    say(&format!("duplicate                   {}", verdict.duplicate()))?;
    say(&format!("other violations            {}", verdict.others()))?;
    say(&format!("wall time                   {} s", took.as_secs()))
}

fn table<N: std::fmt::Display>(counts: &BTreeMap<String, N>) -> anyhow::Result<()> {
    for (name, count) in counts {
        say(&format!("    {count:>8}  {name}"))?;
    }
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
