//! `prove-seeds`: plays seeds and says what it saw. See docs/testing.md.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use canonical_model::simulation::Defect;
use clap::Parser;
use prove_seeds::{House, Outcome, play, points};

/// Bytes: a caller, a system API and a vendor's twin are one inside the other here.
const STACK: usize = 64 * 1024 * 1024;

/// Plays the simulation with many seeds.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Most seeds for each planted defect; 0 = defects are not looked for.
    #[arg(long, default_value_t = 0)]
    defects: u64,
    /// Threads, each with seeds of its own.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Prints the trace of the first seed.
    #[arg(long)]
    trace: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut out = std::io::stdout().lock();
    if options.trace {
        let outcome = single(options.first, None, true)?;
        for line in &outcome.lines {
            write(&mut out, line)?;
        }
        write(
            &mut out,
            &format!("{:#?}\ntrace {}", outcome.violations, outcome.trace),
        )?;
        return Ok(());
    }
    let began = Instant::now();
    let outcomes = many(&options, None, options.first..options.first + options.seeds)?;
    let failed = report(&mut out, &options, &outcomes, began)?;
    let again = single(options.first, None, false)?;
    let same = outcomes.first().is_some_and(|first| first.trace == again.trace);
    write(
        &mut out,
        &format!(
            "seed {} played again: {}",
            options.first,
            if same { "the same trace" } else { "ANOTHER TRACE" }
        ),
    )?;
    let found = if options.defects > 0 {
        defects(&mut out, &options)?
    } else {
        Defect::ALL.len()
    };
    anyhow::ensure!(failed == 0, "{failed} seeds failed");
    anyhow::ensure!(same, "a seed gave two traces");
    anyhow::ensure!(
        found + 1 >= Defect::ALL.len(),
        "only {found} planted defects were found"
    );
    Ok(())
}

/// Plays seeds in threads; in the order of the seeds.
fn many(
    options: &Options,
    planted: Option<Defect>,
    seeds: std::ops::Range<u64>,
) -> anyhow::Result<Vec<Outcome>> {
    let next = Arc::new(AtomicU64::new(seeds.start));
    let all = Arc::new(Mutex::new(BTreeMap::new()));
    let threads: Vec<_> = (0..options.threads.max(1))
        .map(|_| {
            let (next, all, end) = (Arc::clone(&next), Arc::clone(&all), seeds.end);
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn(move || {
                within(async move {
                    let house = Arc::new(House::build().await?);
                    loop {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= end {
                            return Ok(());
                        }
                        let outcome = play(&house, seed, planted, false).await?;
                        let found = planted.is_some() && !outcome.violations.is_empty();
                        if planted.is_none() {
                            tell(&outcome)?;
                        }
                        all.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(seed, outcome);
                        if found {
                            next.store(end, Ordering::SeqCst);
                        }
                    }
                })
            })
        })
        .collect();
    for thread in threads {
        thread?
            .join()
            .map_err(|_| anyhow::anyhow!("a seed ended in a panic"))??;
    }
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *all).into_values().collect())
}

fn single(seed: u64, planted: Option<Defect>, keep_trace: bool) -> anyhow::Result<Outcome> {
    within(async move {
        let house = Arc::new(House::build().await?);
        play(&house, seed, planted, keep_trace).await
    })
}

/// Runs in this thread alone.
fn within<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Says at once what a seed violated: thousands of seeds take an hour.
fn tell(outcome: &Outcome) -> anyhow::Result<()> {
    let mut out = std::io::stderr().lock();
    for violation in outcome.violations.iter().take(4) {
        let line = format!(
            "seed {}: {}: {}",
            outcome.seed, violation.invariant, violation.detail
        );
        write(&mut out, &line)?;
    }
    Ok(())
}

/// Prints what was seen; how many seeds failed.
fn report(
    out: &mut impl std::io::Write,
    options: &Options,
    outcomes: &[Outcome],
    began: Instant,
) -> anyhow::Result<usize> {
    let mut fired: BTreeMap<String, u64> = points().into_iter().map(|point| (point, 0)).collect();
    for (point, count) in outcomes.iter().flat_map(|outcome| &outcome.fired) {
        *fired.entry(point.clone()).or_default() += count;
    }
    for (point, count) in &fired {
        write(out, &format!("{count:>8}  {point}"))?;
    }
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty())
        .count();
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let turns: u64 = outcomes.iter().map(|outcome| outcome.turns).sum();
    let silent: Vec<&str> = fired
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(point, _)| point.as_str())
        .collect();
    write(
        out,
        &format!(
            "{} seeds from {} in {} s: {turns} turns, {} time entries and expenses ({} approved in the end), {} points \
             of which {} fired{}, {} seeds failed",
            outcomes.len(),
            options.first,
            began.elapsed().as_secs(),
            sum(|outcome| outcome.sources.0),
            sum(|outcome| outcome.sources.1),
            fired.len(),
            fired.len() - silent.len(),
            if silent.is_empty() {
                String::new()
            } else {
                format!(" (not: {})", silent.join(", "))
            },
            failed
        ),
    )?;
    Ok(failed)
}

/// Plants each defect and looks for the first seed that finds it; how many were found.
fn defects(out: &mut impl std::io::Write, options: &Options) -> anyhow::Result<usize> {
    let mut found = 0;
    write(
        out,
        &format!("{:<22} {:>8}  {}", "planted defect", "seed", "found by"),
    )?;
    for defect in Defect::ALL {
        let outcomes = many(options, Some(defect), 1..options.defects + 1)?;
        let first = outcomes.iter().find(|outcome| !outcome.violations.is_empty());
        let (seed, invariant) = match first {
            Some(outcome) => {
                found += 1;
                let invariant = outcome
                    .violations
                    .first()
                    .map_or("", |violation| violation.invariant);
                (outcome.seed.to_string(), invariant)
            }
            None => ("-".to_owned(), "not found"),
        };
        write(out, &format!("{:<22} {seed:>8}  {invariant}", defect.name()))?;
    }
    write(
        out,
        &format!(
            "{found} of {} planted defects found within {} seeds",
            Defect::ALL.len(),
            options.defects
        ),
    )?;
    Ok(found)
}

fn write(out: &mut impl std::io::Write, line: &str) -> anyhow::Result<()> {
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
