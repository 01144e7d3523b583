//! The start page: what waits, by cause.

use askama::Template;
use canonical_model::{ExceptionGroup, Money};
use chrono::{DateTime, Utc};
use experience_look::{shown_money, shown_word};

use super::{Clock, Hand, Notice, at, nonce};

/// Groups of exceptions, the most urgent first.
#[derive(Template)]
#[template(path = "groups.html")]
pub struct Groups<'a> {
    /// The groups.
    pub groups: &'a [ExceptionGroup],
    /// Now, for clocks.
    pub now: DateTime<Utc>,
    /// What was just done or refused.
    pub notice: Option<&'a Notice>,
    /// What the reader may do.
    pub hand: Hand<'a>,
}

impl Groups<'_> {
    fn money(&self, money: &[Money]) -> String {
        shown_money(money)
    }

    fn word(&self, name: &str) -> String {
        shown_word(name)
    }

    fn clock(&self, due: &DateTime<Utc>) -> Clock {
        Clock::of(*due, self.now)
    }

    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    fn nonce(&self) -> String {
        nonce()
    }

    fn open(&self) -> u64 {
        self.groups.iter().map(|group| group.open).sum()
    }

    fn late(&self) -> usize {
        self.groups.iter().filter(|group| group.due_at < self.now).count()
    }

    /// Everything that waits, one sum a currency.
    fn at_risk(&self) -> Vec<String> {
        let mut sums: Vec<Money> = Vec::new();
        for money in self.groups.iter().flat_map(|group| &group.money_at_risk) {
            match sums.iter_mut().find(|sum| sum.currency == money.currency) {
                Some(sum) => sum.amount += money.amount,
                None => sums.push(*money),
            }
        }
        sums.iter()
            .map(|sum| shown_money(std::slice::from_ref(sum)))
            .collect()
    }

    /// The query that lists a group's exceptions.
    fn key(&self, group: &ExceptionGroup) -> String {
        let query = [
            ("code", group.cause.code.as_str()),
            ("subject", group.cause.subject.as_str()),
        ];
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Currency, ExceptionCause};
    use rust_decimal::dec;

    #[test]
    fn the_start_page_sums_what_waits_and_offers_to_try_a_group_again() {
        let group = |subject: &str, amount, due: &str| ExceptionGroup {
            cause: ExceptionCause {
                code: "role_not_mapped".to_owned(),
                subject: subject.to_owned(),
            },
            message: "role <117> has no counterpart".to_owned(),
            owner_role: "data_steward".to_owned(),
            open: 3,
            money_at_risk: vec![Money::new(amount, Currency::EUR)],
            oldest_at: DateTime::UNIX_EPOCH,
            due_at: due.parse().unwrap(),
        };
        let groups = [
            group("role:psa/main:117", dec!(1125), "2026-11-10T10:00:00Z"),
            group("role:psa/main:118", dec!(75), "2026-11-12T10:00:00Z"),
        ];
        let page = |may_resolve| {
            let hand = Hand {
                may_resolve,
                may_map: false,
                csrf: "token",
                person: "anna",
            };
            let now = "2026-11-10T12:00:00Z".parse().unwrap();
            let (groups, notice) = (&groups, None);
            Groups {
                groups,
                now,
                notice,
                hand,
            }
            .render()
            .unwrap()
        };
        let told = page(true);
        assert!(told.contains("1,200.00 EUR"), "{told}");
        assert!(told.contains("2 h late"), "{told}");
        assert!(
            told.contains("/exceptions?code=role_not_mapped&#38;subject=role%3Apsa%2Fmain%3A117"),
            "{told}"
        );
        assert_eq!(told.matches("value=\"retry\"").count(), 2, "{told}");
        assert_eq!(told.matches("name=\"csrf\" value=\"token\"").count(), 4, "{told}");
        assert!(!told.contains("role <117>"), "{told}");
        assert!(!page(false).contains("<form"));
    }
}
