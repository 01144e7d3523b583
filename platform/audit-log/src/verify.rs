//! Checks an export, line by line, against itself and against heads that were kept.
//!
//! A changed line breaks the hash that the next line carries, or the root of the head over it; a missing or a misplaced one
//! breaks the numbers. Who writes everything anew from some entry on breaks the root of every head that was kept before.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::IgnoredAny;

use crate::line::{FORMAT, Head, Header, chain_hash, unhex};
use crate::signing;
use crate::tree::{Frontier, Hash, leaf_hash};

/// Findings that are reported at most: one change can make many.
const MOST_FINDINGS: usize = 100;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line of the export, from 1; nothing where no line is there.
    pub line: Option<u64>,
    /// Numbers of the entries in question; nothing where it is about another line.
    pub entries: Option<RangeInclusive<u64>>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match &self.entries {
            None => write!(f, "{}", self.what),
            Some(range) if range.start() == range.end() => {
                write!(f, "entry {}: {}", range.start(), self.what)
            }
            Some(range) => write!(f, "entries {} to {}: {}", range.start(), range.end(), self.what),
        }
    }
}

/// What an export holds, and everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number of the first entry.
    pub first: u64,
    /// Number of the last entry.
    pub last: u64,
    /// Root over everything up to the last entry, in hexadecimal.
    pub root_hash: String,
    /// Heads that were recomputed, those that were kept and the one of the first line included.
    pub heads: u64,
    /// Heads among them whose signature was checked.
    pub signatures: u64,
    /// What is wrong; nothing where the export is as it was written.
    pub findings: Vec<Finding>,
}

/// A check under way: give it each line, then ask for the report.
#[derive(Debug, Default)]
pub struct Verifier {
    kept: Vec<Head>,
    public_key: Option<String>,
    lines: u64,
    header: Option<Header>,
    frontier: Frontier,
    /// Number of the entry that comes next.
    next: u64,
    /// The chain's hash of the entry before it.
    hash: String,
    /// Entries that a head of the export was found to fit.
    covered: u64,
    /// Entries that a head that was kept was found to fit.
    kept_covered: u64,
    heads: u64,
    /// Heads between the entries, and how many the last of them covers.
    between: u64,
    last_between: u64,
    signatures: u64,
    findings: Vec<Finding>,
}

impl Verifier {
    /// A check against heads that were kept from earlier. With a public key (hexadecimal) every head must be signed with
    /// it.
    #[must_use]
    pub fn new(kept: Vec<Head>, public_key: Option<String>) -> Self {
        Self {
            kept,
            public_key,
            next: 1,
            ..Self::default()
        }
    }

    /// Checks the next line, given without its end.
    pub fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        match (self.lines, line.first()) {
            (1, _) => self.header(line),
            (_, Some(b'{')) => self.head(line),
            _ => self.entry(line),
        }
    }

    /// Ends the check. `whole` says that the last line had its end.
    #[must_use]
    pub fn finish(mut self, whole: bool) -> Report {
        if !whole {
            self.find(
                Some(self.lines),
                None,
                "the line has no end, so the export is cut".to_owned(),
            );
        }
        let Some(header) = self.header.take() else {
            if self.findings.is_empty() {
                self.find(None, None, "the export is empty".to_owned());
            }
            return self.report(0, 0);
        };
        let (first, last) = (header.first, header.head.tree_size);
        if self.next <= last {
            let what = "they are missing at the end, so the export is cut".to_owned();
            self.find(None, Some(self.next..=last), what);
        } else if self.next > last + 1 {
            let what = format!("the first line says that the export ends with entry {last}");
            self.find(None, Some(last + 1..=self.next - 1), what);
        }
        if self.between != header.heads {
            let what = format!(
                "{} tree heads stand between the entries, the first line says {}",
                self.between, header.heads
            );
            self.find(None, None, what);
        }
        self.covered = self.compare(
            Some(1),
            &header.head,
            self.covered,
            "the tree head of the first line",
        );
        for kept in std::mem::take(&mut self.kept) {
            let size = kept.tree_size;
            if size > last {
                let what = format!(
                    "a tree head that was kept covers {size} entries, so the export is cut, or was made before that head"
                );
                self.find(None, Some(last + 1..=size), what);
            } else if size + 1 < first {
                let what = format!(
                    "a tree head that was kept covers {size} entries, and the export begins with entry {first}: take one \
                     that begins with entry {} or earlier",
                    size + 1
                );
                self.find(None, None, what);
            }
        }
        self.report(first, last)
    }

    fn report(self, first: u64, last: u64) -> Report {
        Report {
            first,
            last,
            root_hash: hex::encode(self.frontier.root()),
            heads: self.heads,
            signatures: self.signatures,
            findings: self.findings,
        }
    }

    fn find(&mut self, line: Option<u64>, entries: Option<RangeInclusive<u64>>, what: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { line, entries, what });
        }
    }

    fn header(&mut self, line: &[u8]) {
        let header = match read_header(line) {
            Ok((header, frontier)) => {
                self.frontier = frontier;
                header
            }
            Err(what) => return self.find(Some(1), None, what),
        };
        self.next = header.first;
        self.covered = header.first - 1;
        self.hash.clone_from(&header.previous_hash);
        self.signed(Some(1), &header.head);
        self.header = Some(header);
        self.compare_kept();
    }

    fn head(&mut self, line: &[u8]) {
        self.between += 1;
        let place = Some(self.lines);
        let head: Head = match serde_json::from_slice(line) {
            Ok(head) => head,
            Err(error) => return self.find(place, None, format!("it is no tree head: {error}")),
        };
        if head.line().as_bytes() != line {
            return self.find(place, None, "the tree head is not as it was written".to_owned());
        }
        self.signed(place, &head);
        if head.tree_size == self.last_between {
            let what = format!("a second tree head over {} entries", head.tree_size);
            self.find(place, None, what);
        }
        self.last_between = head.tree_size;
        if head.tree_size + 1 == self.next {
            self.covered = self.compare(place, &head, self.covered, "the tree head");
        } else {
            let what = format!(
                "a tree head over {} entries stands after entry {}",
                head.tree_size,
                self.next - 1
            );
            self.find(place, None, what);
        }
    }

    fn entry(&mut self, line: &[u8]) {
        type Fields = (String, u64, i64, String, String, String, IgnoredAny, String);
        let (place, expected) = (Some(self.lines), self.next);
        let seq = match serde_json::from_slice::<Fields>(line) {
            Ok((previous, seq, ..)) if seq == expected => {
                if previous != self.hash {
                    let what = "the hash that the later one carries is not that of the earlier, so one of them was changed";
                    self.find(place, Some(seq.saturating_sub(1)..=seq), what.to_owned());
                }
                seq
            }
            Ok((_, seq, ..)) if seq > expected => {
                let what = format!("missing, or moved, before entry {seq}");
                self.find(place, Some(expected..=seq - 1), what);
                seq
            }
            Ok((_, seq, ..)) => {
                let what = format!("it stands where entry {expected} should");
                self.find(place, Some(seq..=seq), what);
                seq
            }
            Err(error) => {
                self.find(
                    place,
                    Some(expected..=expected),
                    format!("it cannot be read: {error}"),
                );
                expected
            }
        };
        self.hash = chain_hash(line);
        self.frontier.push(leaf_hash(line));
        self.next = seq.saturating_add(1);
        self.compare_kept();
    }

    /// Compares the heads that were kept for the entries up to here.
    fn compare_kept(&mut self) {
        let here = self.next - 1;
        for head in self.kept.clone() {
            if head.tree_size == here {
                self.signed(None, &head);
                self.kept_covered =
                    self.compare(None, &head, self.kept_covered, "the tree head that was kept");
            }
        }
    }

    /// Compares the root over everything up to here; how many entries are covered then. Where something was found already,
    /// roots cannot fit any more.
    fn compare(&mut self, line: Option<u64>, head: &Head, covered: u64, name: &str) -> u64 {
        self.heads += 1;
        if !self.findings.is_empty() {
            return covered;
        }
        if hex::encode(self.frontier.root()) == head.root_hash && self.frontier.size() == head.tree_size {
            return head.tree_size;
        }
        let size = head.tree_size;
        let what = format!(
            "{name} over {size} entries has another root, so the last of them was changed, or all from one of them on were \
             written anew"
        );
        let from = (covered + 1).min(size);
        self.find(line, (size > 0).then_some(from..=size), what);
        covered
    }

    fn signed(&mut self, line: Option<u64>, head: &Head) {
        match signing::check(head, self.public_key.as_deref()) {
            Ok(signed) => self.signatures += u64::from(signed),
            Err(what) => {
                let what = format!("the tree head over {} entries: {what}", head.tree_size);
                self.find(line, None, what);
            }
        }
    }
}

/// Reads the first line and where the tree stands before the first entry.
fn read_header(line: &[u8]) -> Result<(Header, Frontier), String> {
    let header: Header = serde_json::from_slice(line)
        .map_err(|error| format!("it is not the first line of an export: {error}"))?;
    if header.format != FORMAT {
        return Err(format!("{:?} is no form that is known here", header.format));
    }
    let unsound = || "the first line is not as it was written".to_owned();
    let before = header.first.checked_sub(1).ok_or_else(unsound)?;
    let nothing = header.first == 1 && header.head.tree_size == 0;
    let in_order = header.first <= header.head.tree_size || nothing;
    let chained = header.previous_hash.is_empty() == (before == 0);
    if header.line().as_bytes() != line || !in_order || !chained {
        return Err(unsound());
    }
    let roots: Option<Vec<Hash>> = header.subtree_roots.iter().map(|text| hash(text)).collect();
    let frontier = roots
        .and_then(|roots| Frontier::of(before, roots))
        .ok_or_else(unsound)?;
    Ok((header, frontier))
}

fn hash(text: &str) -> Option<Hash> {
    unhex(text)?.try_into().ok()
}
