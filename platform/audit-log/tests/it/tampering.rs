//! An export, and everything that somebody could do to it.

use std::ops::RangeInclusive;

use audit_log::tree::{Frontier, Hash, leaf_hash};
use audit_log::{Entry, FORMAT, Head, Header, Report, SigningKey, Verifier, chain_hash, entry_line};

const ENTRIES: u64 = 7;

/// The published secret key of RFC 8032, 7.1, test 1, in the form that `openssl genpkey -algorithm ed25519` writes.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
/// Its public key, from the same place.
const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// What is in the log, and what an export of it is made of.
struct Log {
    lines: Vec<String>,
    key: Option<SigningKey>,
}

impl Log {
    fn new(signed: bool) -> Self {
        Self::changed(signed, |_| "[\"time\",1.50,{\"ü\":null}]")
    }

    /// A log whose details are as somebody wants them.
    fn changed(signed: bool, detail: impl Fn(u64) -> &'static str) -> Self {
        let mut lines: Vec<String> = Vec::new();
        for seq in 1..=ENTRIES {
            let previous = lines
                .last()
                .map_or(String::new(), |line| chain_hash(line.as_bytes()));
            let entry = Entry {
                seq,
                at_ms: 1_790_000_000_000 + i64::try_from(seq).unwrap(),
                actor: "nora \"the accountant\"\n",
                action: "effect.applied",
                subject: "time_entry psa/main 4711",
                detail: detail(seq),
                correlation_id: "c-1",
            };
            lines.push(entry_line(&previous, &entry));
        }
        Self {
            lines,
            key: signed.then(|| SigningKey::from_pem(PEM).unwrap()),
        }
    }

    fn frontier(&self, size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        for line in &self.lines[..usize::try_from(size).unwrap()] {
            frontier.push(leaf_hash(line.as_bytes()));
        }
        frontier
    }

    fn head(&self, size: u64) -> Head {
        let head = Head::new(size, &self.frontier(size).root());
        match &self.key {
            Some(key) => key.sign(head),
            None => head,
        }
    }

    /// Entries from one on, with a head after every third.
    fn export(&self, first: u64, last: u64) -> String {
        let (mut lines, before) = (Vec::new(), self.frontier(first - 1));
        for seq in first..=last {
            lines.push(self.lines[usize::try_from(seq - 1).unwrap()].clone());
            if seq % 3 == 0 && seq < last {
                lines.push(self.head(seq).line());
            }
        }
        let previous = (first > 1).then(|| &self.lines[usize::try_from(first - 2).unwrap()]);
        let header = Header {
            format: FORMAT.to_owned(),
            first,
            heads: u64::try_from(lines.len()).unwrap() - (last + 1 - first),
            previous_hash: previous.map_or(String::new(), |line| chain_hash(line.as_bytes())),
            subtree_roots: before.roots().iter().map(hex::encode::<&Hash>).collect(),
            head: self.head(last),
        };
        lines.insert(0, header.line());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn check(export: &[u8], kept: &[Head]) -> Report {
    check_signed(export, kept, None)
}

fn check_signed(export: &[u8], kept: &[Head], key: Option<&str>) -> Report {
    let mut verifier = Verifier::new(kept.to_vec(), key.map(str::to_owned));
    let whole = export.ends_with(b"\n");
    let end = export.len() - usize::from(whole);
    if !export.is_empty() {
        export[..end]
            .split(|byte| *byte == b'\n')
            .for_each(|line| verifier.line(line));
    }
    verifier.finish(whole)
}

/// Something was found, and what was changed is among what is named.
fn named(report: &Report, line: usize, entry: Option<u64>, case: &str) {
    let of_entry = |range: &RangeInclusive<u64>| entry.is_some_and(|entry| range.contains(&entry));
    let names = report.findings.iter().any(|finding| {
        let of_line = finding.line == u64::try_from(line).ok();
        of_line || finding.entries.as_ref().is_some_and(of_entry)
    });
    // What the first line says is compared with everything after it, so it may be something else that does not fit.
    let found = names || (line == 1 && !report.findings.is_empty());
    assert!(found, "{case}: {:?}", report.findings);
}

fn seq_of(line: &str) -> Option<u64> {
    line.starts_with('[')
        .then(|| line.split(',').nth(1).unwrap().parse().unwrap())
}

#[test]
fn what_was_not_changed_is_found_in_order() {
    for signed in [false, true] {
        let log = Log::new(signed);
        let key = signed.then_some(PUBLIC_KEY);
        for (first, last) in [(1, ENTRIES), (1, 1), (4, ENTRIES), (5, 6), (ENTRIES, ENTRIES)] {
            let kept = [log.head(first - 1), log.head(last)];
            let report = check_signed(log.export(first, last).as_bytes(), &kept, key);
            assert_eq!(report.findings, [], "{first} to {last}");
            assert_eq!((report.first, report.last), (first, last));
            assert_eq!(report.root_hash, log.head(last).root_hash);
            assert_eq!(report.signatures, if signed { report.heads } else { 0 });
        }
    }
    let empty = Log::new(false).export(1, 0);
    assert_eq!(check(empty.as_bytes(), &[]).findings, []);
}

#[test]
fn every_byte_that_is_changed_is_found() {
    for (signed, first) in [(false, 1), (true, 1), (true, 4)] {
        let log = Log::new(signed);
        let export = log.export(first, ENTRIES);
        let (mut line, mut place) = (1, 0);
        for at in 0..export.len() {
            let text = export.lines().nth(line - 1).unwrap();
            // Signatures are in the other lines only. Bit 5 turns the case of a letter.
            let bits = if signed && text.starts_with('[') {
                vec![]
            } else {
                vec![5, at % 8]
            };
            for bit in bits {
                let mut changed = export.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let case = format!("bit {bit} of byte {place} of line {line}");
                named(&check(&changed, &[]), line, seq_of(text), &case);
            }
            place += 1;
            if export.as_bytes()[at] == b'\n' {
                (line, place) = (line + 1, 0);
            }
        }
    }
}

#[test]
fn every_line_that_is_missing_doubled_or_moved_is_found() {
    for signed in [false, true] {
        let export = Log::new(signed).export(1, ENTRIES);
        let lines: Vec<&str> = export.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        for at in 0..lines.len() {
            let seq = seq_of(lines[at]);
            let mut without = lines.clone();
            without.remove(at);
            let report = check(joined(&without).as_bytes(), &[]);
            // A head that is missing is counted, not named.
            let line = if lines[at].starts_with('{') { 1 } else { at + 1 };
            named(&report, line, seq, &format!("without line {}", at + 1));

            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            named(
                &check(joined(&twice).as_bytes(), &[]),
                at + 2,
                seq,
                &format!("line {} twice", at + 1),
            );

            if at + 1 < lines.len() {
                let mut swapped = lines.clone();
                swapped.swap(at, at + 1);
                let case = format!("lines {} and {} swapped", at + 1, at + 2);
                // Of a head and an entry it is the head that is out of place.
                let line = if at > 0 && seq.is_none() { at + 2 } else { at + 1 };
                named(&check(joined(&swapped).as_bytes(), &[]), line, seq, &case);
            }
        }
    }
}

#[test]
fn every_tail_that_is_cut_is_found() {
    let log = Log::new(false);
    let export = log.export(1, ENTRIES);
    for end in 0..export.len() {
        assert_ne!(
            check(&export.as_bytes()[..end], &[]).findings,
            [],
            "cut at byte {end}"
        );
    }
    // Cut together with the first line: a whole export of less, which only a head that was kept tells from the real one.
    for last in 1..ENTRIES {
        let shorter = log.export(1, last);
        assert_eq!(check(shorter.as_bytes(), &[]).findings, []);
        let found = check(shorter.as_bytes(), &[log.head(ENTRIES)]).findings;
        assert_eq!(found[0].entries, Some(last + 1..=ENTRIES));
    }
}

#[test]
fn a_log_that_was_written_anew_does_not_fit_a_head_that_was_kept() {
    let (log, key) = (Log::new(false), SigningKey::from_pem(PEM).unwrap());
    for changed in 1..=ENTRIES {
        let anew = Log::changed(false, |seq| {
            if seq == changed {
                "[]"
            } else {
                "[\"time\",1.50,{\"ü\":null}]"
            }
        });
        let export = anew.export(1, ENTRIES);
        assert_eq!(
            check(export.as_bytes(), &[]).findings,
            [],
            "it is in order in itself"
        );
        for size in 1..=ENTRIES {
            let report = check(export.as_bytes(), &[log.head(size)]);
            assert_eq!(
                report.findings.is_empty(),
                size < changed,
                "entry {changed}, head over {size}"
            );
            let names = report
                .findings
                .iter()
                .all(|f| f.entries.as_ref().unwrap().contains(&changed));
            assert!(names, "{report:?}");
        }
        // Nor does it fit a key that the writer does not have.
        assert_ne!(
            check_signed(export.as_bytes(), &[], Some(&key.public_key())).findings,
            []
        );
    }
    // A head from before the export cannot be compared, and is not passed over.
    assert_ne!(
        check(log.export(6, ENTRIES).as_bytes(), &[log.head(3)]).findings,
        []
    );
}

#[test]
fn the_key_is_the_one_that_openssl_would_use() {
    let key = SigningKey::from_pem(PEM).unwrap();
    assert_eq!(key.public_key(), PUBLIC_KEY);
    assert!(SigningKey::from_pem("d75a98").is_err());
}
