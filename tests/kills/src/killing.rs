//! Who is killed, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::fleet::Fleet;
use crate::phase;
use crate::progress::Progress;

/// How often each is chosen, of a hundred.
const WEIGHTS: [(&str, u32); 8] = [
    ("time-to-invoice-process-api", 32),
    ("quote-to-project-process-api", 20),
    ("invoice-to-cash-process-api", 14),
    ("control-process-api", 10),
    ("erp-system-api", 9),
    ("psa-system-api", 7),
    ("crm-system-api", 5),
    ("insight-process-api", 3),
];

/// What was killed.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) kills: u32,
    pub(crate) by_binary: BTreeMap<String, u32>,
    pub(crate) by_phase: BTreeMap<String, u32>,
    /// Kills that met an instance in a step; one kill can meet several.
    pub(crate) by_step: BTreeMap<String, u32>,
}

/// Kills and starts again until all kills are done.
pub(crate) async fn kill(
    fleet: &mut Fleet,
    random: &mut StdRng,
    progress: &Progress,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    while tally.kills < progress.kills() {
        let (pause, victims) = (pause(random), victims(random, progress.kills() - tally.kills));
        tokio::time::sleep(pause).await;
        while !progress.may_kill() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        one_moment(fleet, &victims, &mut tally).await?;
        let killed = u32::try_from(victims.len()).unwrap_or(u32::MAX);
        tally.kills += killed;
        progress.killed(killed);
    }
    Ok(tally)
}

async fn one_moment(fleet: &mut Fleet, victims: &[&'static str], tally: &mut Tally) -> anyhow::Result<()> {
    let mut before = BTreeMap::new();
    for member in fleet.members().iter().filter(|m| victims.contains(&m.name)) {
        let seen = match (member.is_ready(), member.name.ends_with("-system-api")) {
            (true, true) => Some(phase::of_system_api(fleet, member.name).await?.phase),
            (true, false) => None,
            (false, _) => Some(phase::STARTING),
        };
        before.insert(member.name, (seen, member.since_ms));
    }
    fleet.kill(victims)?;
    for (name, (seen, since_ms)) in before {
        let phase = match seen {
            Some(phase) => phase,
            None => {
                let seen = phase::of_process_api(&fleet.set_up, name, since_ms).await?;
                for step in seen.steps {
                    *tally.by_step.entry(step).or_default() += 1;
                }
                seen.phase
            }
        };
        *tally.by_phase.entry(phase.to_owned()).or_default() += 1;
        *tally.by_binary.entry(name.to_owned()).or_default() += 1;
    }
    fleet.start_again(victims)
}

/// Some kills follow so soon that they meet a start; most leave time for work.
fn pause(random: &mut StdRng) -> Duration {
    let ms = if random.random_ratio(1, 5) {
        random.random_range(50..700)
    } else {
        random.random_range(700..3_000)
    };
    Duration::from_millis(ms)
}

/// Mostly one, sometimes two to four, at times all of them; never more than are left.
fn victims(random: &mut StdRng, left: u32) -> Vec<&'static str> {
    let wanted = match random.random_range(0..100) {
        0..2 => WEIGHTS.len(),
        2..12 => random.random_range(2..=4),
        _ => 1,
    };
    let wanted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
    let mut victims: Vec<&'static str> = Vec::new();
    while victims.len() < wanted {
        let mut at = random.random_range(0..100);
        for (name, weight) in WEIGHTS {
            if at < weight {
                if !victims.contains(&name) {
                    victims.push(name);
                }
                break;
            }
            at -= weight;
        }
    }
    victims
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn one_seed_chooses_the_same_victims_and_each_binary_in_time() {
        let chosen = || {
            let mut random = StdRng::seed_from_u64(7);
            (0..400)
                .flat_map(|_| victims(&mut random, u32::MAX))
                .collect::<Vec<_>>()
        };
        let first = chosen();
        assert_eq!(first, chosen());
        assert_eq!(WEIGHTS.iter().map(|(_, weight)| weight).sum::<u32>(), 100);
        for (name, weight) in WEIGHTS {
            let times = first.iter().filter(|victim| **victim == name).count();
            assert!(times >= usize::try_from(weight).unwrap(), "{name}: {times} times");
        }
    }
}
