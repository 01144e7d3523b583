//! One source in three places: pure, so that every cause can be read in one place.

use canonical_model::{
    ComparedRecord, DifferenceCause, JournalLine, Minutes, Money, PostingState, Rounding, SourceKind,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An entry or expense as a system of record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Connection and id, such as `erp/main/5512`.
    pub record: String,
    /// The system's id of the project.
    pub project: String,
    /// Who worked or spent: the e-mail address where the system tells it.
    pub person: String,
    /// The day of the work.
    pub date: NaiveDate,
    /// Time; none for an expense.
    pub minutes: Minutes,
    /// Hours at their rate, or the amount; absent where it is not charged.
    pub value: Option<Money>,
    /// Our key, where the record carries one.
    #[serde(default)]
    pub effect_key: Option<String>,
}

/// One source with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Time entry or expense.
    pub kind: SourceKind,
    /// What the PSA calls approved.
    pub psa: Option<Held>,
    /// Its lines, in the order of their generations.
    pub lines: Vec<JournalLine>,
    /// Records of the ERP that belong to it, or one that belongs to nothing.
    pub erp: Vec<Held>,
}

/// What comparing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All say the same.
    Equal,
    /// It is on its way, waits for a person, or is being corrected.
    Waiting,
    /// A person decided not to post it, or to let the posting stand.
    LeftOut,
    /// They differ.
    Differs(Box<Found>),
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Why.
    pub cause: DifferenceCause,
    /// As the PSA has it.
    pub psa: Option<ComparedRecord>,
    /// As the journal has it.
    pub journal: Option<ComparedRecord>,
    /// As the ERP has it.
    pub erp: Option<ComparedRecord>,
    /// What it may cost.
    pub money: Option<Money>,
}

impl Item {
    /// An item without anything.
    #[must_use]
    pub fn empty(kind: SourceKind) -> Self {
        Self {
            kind,
            psa: None,
            lines: Vec::new(),
            erp: Vec::new(),
        }
    }

    /// The source in the PSA, where anything names it.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        let of_psa = self.psa.as_ref().map(|held| held.record.as_str());
        of_psa.or_else(|| self.lines.first().map(|line| line.source.as_str()))
    }

    /// What it is compared under: the source, or the record of the ERP that has none.
    #[must_use]
    pub fn key(&self) -> String {
        let own = || self.erp.first().map(|held| held.record.as_str());
        self.source().or_else(own).unwrap_or_default().to_owned()
    }

    /// Where the line stands in the ERP: under the id that it was posted under, or, once somebody has entered it again,
    /// under its key.
    #[must_use]
    pub fn posted_as(&self, line: &JournalLine) -> Option<&Held> {
        let id = line.posting.as_ref()?;
        let by_id = self.erp.iter().find(|held| held.record == *id);
        by_id.or_else(|| {
            let key = line.effect_key.as_ref()?;
            let carries = |held: &&Held| held.effect_key.as_deref() == Some(key.as_str());
            self.erp.iter().find(carries)
        })
    }

    /// What was posted without a value is not asked for one: an ERP may price by a list of its own what the contract
    /// does not charge.
    pub fn drop_values_that_were_not_posted(&mut self) {
        let unpriced: Vec<String> = self
            .lines
            .iter()
            .filter(|line| line.posted_value.is_none())
            .filter_map(|line| self.posted_as(line))
            .map(|held| held.record.clone())
            .collect();
        for held in &mut self.erp {
            if unpriced.contains(&held.record) {
                held.value = None;
            }
        }
    }

    /// Compares.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        if self.lines.iter().any(is_under_way) {
            return Verdict::Waiting;
        }
        if let Some(line) = self.lines.iter().find(|line| self.is_missing(line)) {
            return self.differs(DifferenceCause::DeletedInErp, Some(line), None);
        }
        let live = self.lines.iter().find(|line| line.state == PostingState::Posted);
        let erp = live.and_then(|line| self.posted_as(line));
        let against_psa = match (&self.psa, live) {
            (Some(psa), Some(line)) if !says(psa, line, line.value) => Some(DifferenceCause::ChangedInPsa),
            (None, Some(_)) => Some(DifferenceCause::NoLongerApproved),
            (Some(_), None) if self.lines.iter().any(|line| line.state == PostingState::Skipped) => {
                return Verdict::LeftOut;
            }
            (Some(_), None) => Some(DifferenceCause::NeverQueued),
            _ => None,
        };
        if let Some(cause) = against_psa {
            if live.is_some_and(|line| line.let_stand) {
                return Verdict::LeftOut;
            }
            return self.differs(cause, live, erp);
        }
        for line in &self.lines {
            match self.posted_as(line) {
                Some(held) if !says(held, line, line.posted_value) => {
                    return self.differs(DifferenceCause::ChangedInErp, Some(line), Some(held));
                }
                _ => {}
            }
        }
        match self.erp.iter().find(|held| !self.is_posting(held)) {
            Some(held) if self.lines.is_empty() => {
                self.differs(DifferenceCause::PostedByOther, None, Some(held))
            }
            Some(held) => self.differs(DifferenceCause::PostedTwice, live, Some(held)),
            None => Verdict::Equal,
        }
    }

    /// The journal says that it stands in the ERP, and it does not. What was reversed may be gone together with its
    /// reversal.
    fn is_missing(&self, line: &JournalLine) -> bool {
        let gone = |line: &JournalLine| line.posting.is_some() && self.posted_as(line).is_none();
        match line.state {
            PostingState::Posted => gone(line),
            PostingState::Reversed => {
                let mut reversed = self
                    .lines
                    .iter()
                    .filter(|other| other.state == PostingState::Reversed);
                gone(line) && !reversed.all(gone)
            }
            _ => false,
        }
    }

    fn is_posting(&self, held: &Held) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| {
            self.posted_as(line)
                .is_some_and(|as_posted| as_posted.record == held.record)
        })
    }

    fn differs(&self, cause: DifferenceCause, line: Option<&JournalLine>, erp: Option<&Held>) -> Verdict {
        let money = match cause {
            DifferenceCause::DeletedInErp | DifferenceCause::NoLongerApproved => {
                line.and_then(|line| line.posted_value)
            }
            DifferenceCause::ChangedInPsa => apart(
                self.psa.as_ref().and_then(|held| held.value),
                line.and_then(|line| line.value),
            ),
            DifferenceCause::ChangedInErp => apart(
                erp.and_then(|held| held.value),
                line.and_then(|line| line.posted_value),
            ),
            DifferenceCause::NeverQueued => self.psa.as_ref().and_then(|held| held.value),
            DifferenceCause::PostedByOther | DifferenceCause::PostedTwice => erp.and_then(|held| held.value),
        };
        Verdict::Differs(Box::new(Found {
            cause,
            psa: self.psa.as_ref().map(|held| compared(held, "approved")),
            journal: line.map(journal_record),
            erp: erp.map(|held| compared(held, "")),
            money: money.map(positive),
        }))
    }
}

fn is_under_way(line: &JournalLine) -> bool {
    let moving = matches!(
        line.state,
        PostingState::Queued | PostingState::Posting | PostingState::Excepted | PostingState::Reversing
    );
    line.changing || moving
}

/// Whether a system has what the journal has.
fn says(held: &Held, line: &JournalLine, value: Option<Money>) -> bool {
    (held.date, held.minutes) == (line.date, line.minutes) && same_value(held.value, value)
}

fn same_value(held: Option<Money>, wanted: Option<Money>) -> bool {
    match (held, wanted) {
        (Some(one), Some(other)) => one.currency == other.currency && one.amount == other.amount,
        (None, None) => true,
        _ => false,
    }
}

/// How far two values are from each other; the first, or the only one, where they cannot be subtracted.
fn apart(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.checked_sub(other).unwrap_or(one)),
        (one, other) => one.or(other),
    }
}

fn positive(money: Money) -> Money {
    Money {
        amount: money.amount.abs(),
        ..money
    }
}

fn compared(held: &Held, state: &str) -> ComparedRecord {
    ComparedRecord {
        record: held.record.clone(),
        person: held.person.clone(),
        date: held.date,
        minutes: held.minutes,
        value: held.value,
        state: state.to_owned(),
    }
}

fn journal_record(line: &JournalLine) -> ComparedRecord {
    ComparedRecord {
        record: format!("{}#{}", line.source, line.generation),
        person: line.person.clone(),
        date: line.date,
        minutes: line.minutes,
        value: line.posted_value,
        state: word(&line.state),
    }
}

/// The contract's word for a value.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Whether two records of the ERP look like one that was entered twice: same project, day, person, time and value.
#[must_use]
pub fn repeats(one: &Held, other: &Held) -> bool {
    one.record != other.record
        && (&one.project, one.date, &one.person, one.minutes)
            == (&other.project, other.date, &other.person, other.minutes)
        && same_value(one.value, other.value)
}

/// SHA-256 over the line of a record: kind, record, day, minutes and value, separated by tabulators, in hexadecimal. A
/// value is its amount with the currency's minor units, a blank and the currency; it is empty where there is none.
#[must_use]
pub fn digest(
    kind: SourceKind,
    record: &str,
    date: NaiveDate,
    minutes: Minutes,
    value: Option<Money>,
) -> String {
    let value = value.map_or_else(String::new, |money| {
        let mut amount = money.rounded(Rounding::HalfUp).amount;
        amount.rescale(money.currency.minor_units());
        format!("{amount} {}", money.currency)
    });
    let line = format!("{}\t{record}\t{date}\t{}\t{value}", word(&kind), minutes.count());
    hex::encode(Sha256::digest(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{CanonicalId, Currency};
    use rust_decimal::{Decimal, dec};

    fn money(amount: Decimal) -> Option<Money> {
        Some(Money::new(amount, Currency::EUR))
    }

    fn held(record: &str) -> Held {
        Held {
            record: record.to_owned(),
            project: "31".to_owned(),
            person: "anna@firm.example".to_owned(),
            date: "2026-11-03".parse().unwrap(),
            minutes: Minutes::new(450),
            value: money(dec!(1125)),
            effect_key: None,
        }
    }

    fn line(state: PostingState) -> JournalLine {
        JournalLine {
            id: CanonicalId::generate(),
            kind: SourceKind::TimeEntry,
            source: "psa/main/1".to_owned(),
            generation: 1,
            state,
            changing: false,
            let_stand: false,
            source_project: "7".to_owned(),
            person: "anna@firm.example".to_owned(),
            date: "2026-11-03".parse().unwrap(),
            minutes: Minutes::new(450),
            value: money(dec!(1125.00)),
            posted_value: money(dec!(1125.00)),
            posting: Some("erp/main/9".to_owned()),
            effect_key: Some("tp-x".parse().unwrap()),
        }
    }

    fn posted() -> Item {
        Item {
            kind: SourceKind::TimeEntry,
            psa: Some(held("psa/main/1")),
            lines: vec![line(PostingState::Posted)],
            erp: vec![held("erp/main/9")],
        }
    }

    fn cause(item: &Item) -> (DifferenceCause, Option<Decimal>) {
        match item.judge() {
            Verdict::Differs(found) => (found.cause, found.money.map(|money| money.amount)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_cause_is_told_from_the_others_with_the_money_at_risk() {
        assert_eq!(posted().judge(), Verdict::Equal);

        let mut deleted = posted();
        deleted.erp.clear();
        assert_eq!(cause(&deleted), (DifferenceCause::DeletedInErp, Some(dec!(1125))));
        let mut entered_again = posted();
        entered_again.erp[0].record = "erp/main/12".to_owned();
        entered_again.erp[0].effect_key = Some("tp-x".to_owned());
        assert_eq!(entered_again.judge(), Verdict::Equal);

        let mut changed = posted();
        changed.psa.as_mut().unwrap().minutes = Minutes::new(480);
        changed.psa.as_mut().unwrap().value = money(dec!(1200));
        assert_eq!(cause(&changed), (DifferenceCause::ChangedInPsa, Some(dec!(75))));
        let mut elsewhere = posted();
        elsewhere.psa.as_mut().unwrap().date = "2026-11-04".parse().unwrap();
        assert_eq!(cause(&elsewhere).0, DifferenceCause::ChangedInPsa);

        let mut other_rate = posted();
        other_rate.erp[0].value = money(dec!(1050));
        assert_eq!(
            cause(&other_rate),
            (DifferenceCause::ChangedInErp, Some(dec!(75)))
        );

        let mut withdrawn = posted();
        withdrawn.psa = None;
        assert_eq!(
            cause(&withdrawn),
            (DifferenceCause::NoLongerApproved, Some(dec!(1125)))
        );

        let mut missing = posted();
        (missing.lines, missing.erp) = (Vec::new(), Vec::new());
        assert_eq!(cause(&missing), (DifferenceCause::NeverQueued, Some(dec!(1125))));

        let foreign = Item {
            erp: vec![held("erp/main/77")],
            ..Item::empty(SourceKind::TimeEntry)
        };
        assert_eq!(
            cause(&foreign),
            (DifferenceCause::PostedByOther, Some(dec!(1125)))
        );
        let mut twice = posted();
        twice.erp.push(Held {
            effect_key: Some("tp-x".to_owned()),
            ..held("erp/main/78")
        });
        assert_eq!(cause(&twice), (DifferenceCause::PostedTwice, Some(dec!(1125))));
    }

    #[test]
    fn work_under_way_is_no_difference_and_what_a_person_decided_neither() {
        for state in [
            PostingState::Queued,
            PostingState::Posting,
            PostingState::Excepted,
            PostingState::Reversing,
        ] {
            let mut item = posted();
            item.lines = vec![line(state)];
            assert_eq!(item.judge(), Verdict::Waiting, "{state:?}");
        }
        let mut told = posted();
        (told.psa, told.lines[0].changing) = (None, true);
        assert_eq!(told.judge(), Verdict::Waiting);
        (told.lines[0].changing, told.lines[0].let_stand) = (false, true);
        assert_eq!(told.judge(), Verdict::LeftOut);
        let mut skipped = posted();
        skipped.erp.clear();
        skipped.lines[0].state = PostingState::Skipped;
        skipped.lines[0].posting = None;
        assert_eq!(skipped.judge(), Verdict::LeftOut);
    }

    #[test]
    fn a_reversal_and_its_original_come_to_nothing_together() {
        let mut item = posted();
        item.lines[0].state = PostingState::Reversed;
        let reversal = JournalLine {
            generation: 2,
            state: PostingState::Reversed,
            minutes: Minutes::new(-450),
            value: money(dec!(-1125)),
            posted_value: money(dec!(-1125)),
            posting: Some("erp/main/10".to_owned()),
            effect_key: None,
            ..line(PostingState::Reversed)
        };
        item.lines.push(reversal);
        item.erp.push(Held {
            minutes: Minutes::new(-450),
            value: money(dec!(-1125)),
            ..held("erp/main/10")
        });
        item.psa = None;
        assert_eq!(item.judge(), Verdict::Equal);
        item.erp.pop();
        assert_eq!(cause(&item).0, DifferenceCause::DeletedInErp);
        item.erp.clear();
        assert_eq!(item.judge(), Verdict::Equal);
    }

    #[test]
    fn what_was_posted_without_a_value_is_not_asked_for_one() {
        let mut item = posted();
        item.psa.as_mut().unwrap().value = None;
        (item.lines[0].value, item.lines[0].posted_value) = (None, None);
        item.drop_values_that_were_not_posted();
        assert_eq!(item.judge(), Verdict::Equal);
    }

    #[test]
    fn the_digest_of_a_record_is_that_of_its_documented_line() {
        let told = digest(
            SourceKind::TimeEntry,
            "psa/main/4711",
            "2026-11-03".parse().unwrap(),
            Minutes::new(450),
            money(dec!(1125)),
        );
        let line = "time_entry\tpsa/main/4711\t2026-11-03\t450\t1125.00 EUR";
        assert_eq!(told, hex::encode(Sha256::digest(line)));
    }
}
