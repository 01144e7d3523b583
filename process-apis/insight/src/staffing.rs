//! Who is wanted and who is placed, from facts. Pure.

use std::collections::BTreeMap;

use canonical_model::{
    AssignmentChanged, AssignmentState, CanonicalId, ResourceRequestStanding, ResourceRequestState,
};
use chrono::{DateTime, NaiveDate, Utc};

use crate::facts::{Facts, Told};

/// Every wish for somebody, the open ones first, each by its first day. The n-th request of a project and role is met by
/// the n-th confirmed assignment of a person in it.
#[must_use]
pub fn requests(facts: &Facts) -> Vec<ResourceRequestStanding> {
    let mut met: BTreeMap<(CanonicalId, &str), Vec<DateTime<Utc>>> = BTreeMap::new();
    for told in newest(facts).into_values() {
        let assignment = &told.data;
        if let (AssignmentState::Confirmed, Some(_), Some(role)) =
            (assignment.state, &assignment.person, &assignment.role)
        {
            met.entry((assignment.scope.project_id, role))
                .or_default()
                .push(assignment.changed_at);
        }
    }
    met.values_mut()
        .for_each(|times| times.sort_unstable_by(|a, b| b.cmp(a)));
    let mut asked: Vec<_> = facts.requested.iter().map(|told| &told.data).collect();
    asked.sort_by_key(|request| (request.start_date, request.requested_at));
    let mut standings: Vec<_> = asked
        .into_iter()
        .map(|request| ResourceRequestStanding {
            scope: request.scope.clone(),
            request: request.request.clone(),
            role: request.role.clone(),
            requested_at: request.requested_at,
            start_date: request.start_date,
            minutes: request.minutes,
            met_at: met
                .get_mut(&(request.scope.project_id, request.role.as_str()))
                .and_then(Vec::pop),
        })
        .collect();
    standings.sort_by_key(|standing| (standing.met_at.is_some(), standing.start_date));
    standings
}

/// Planned time as it was last told, without what was withdrawn, by first day.
#[must_use]
pub fn assignments(facts: &Facts) -> Vec<AssignmentChanged> {
    let mut planned: Vec<_> = newest(facts)
        .into_values()
        .map(|told| told.data.clone())
        .filter(|assignment| assignment.state != AssignmentState::Cancelled)
        .collect();
    planned.sort_by(|a, b| (a.start_date, &a.assignment).cmp(&(b.start_date, &b.assignment)));
    planned
}

/// Open until a person is agreed.
#[must_use]
pub fn state_of(request: &ResourceRequestStanding) -> ResourceRequestState {
    match request.met_at {
        Some(_) => ResourceRequestState::Fulfilled,
        None => ResourceRequestState::Open,
    }
}

/// Planned time has a day within these; both ends count, and an absent end is open.
#[must_use]
pub fn touches(assignment: &AssignmentChanged, from: Option<NaiveDate>, to: Option<NaiveDate>) -> bool {
    from.is_none_or(|day| assignment.end_date >= day) && to.is_none_or(|day| assignment.start_date <= day)
}

fn newest(facts: &Facts) -> BTreeMap<&str, &Told<AssignmentChanged>> {
    let mut newest: BTreeMap<&str, &Told<AssignmentChanged>> = BTreeMap::new();
    for told in &facts.assigned {
        let slot = newest.entry(&told.data.assignment).or_insert(told);
        if told.data.changed_at >= slot.data.changed_at {
            *slot = told;
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Fact, Minutes, ProjectScope, StaffingRequested};

    fn scope() -> ProjectScope {
        ProjectScope {
            project_id: CanonicalId(uuid::Uuid::from_u128(1)),
            project_code: "HEL-1".to_owned(),
            account_id: CanonicalId(uuid::Uuid::from_u128(2)),
            account_name: "Helios".to_owned(),
            legal_entity: "de".to_owned(),
            region: None,
        }
    }

    fn asked(request: &str, from: &str) -> Fact {
        Fact::StaffingRequested(StaffingRequested {
            scope: scope(),
            request: request.to_owned(),
            role: "consultant".to_owned(),
            requested_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            start_date: from.parse().unwrap(),
            minutes: Minutes::new(600),
        })
    }

    fn placed(assignment: &str, state: AssignmentState, at: &str) -> Fact {
        Fact::AssignmentChanged(AssignmentChanged {
            scope: scope(),
            assignment: assignment.to_owned(),
            person: Some("tom@firm.example".to_owned()),
            role: Some("consultant".to_owned()),
            state,
            start_date: "2026-11-09".parse().unwrap(),
            end_date: "2026-11-20".parse().unwrap(),
            minutes: Minutes::new(600),
            changed_at: at.parse().unwrap(),
        })
    }

    #[test]
    fn one_person_meets_one_request_and_who_is_withdrawn_meets_none() {
        let mut facts = Facts::default();
        let told = [
            asked("a", "2026-11-09"),
            asked("b", "2026-11-16"),
            placed("1", AssignmentState::Confirmed, "2026-11-02T08:00:00Z"),
            placed("2", AssignmentState::Confirmed, "2026-11-02T09:00:00Z"),
            placed("2", AssignmentState::Cancelled, "2026-11-03T09:00:00Z"),
        ];
        for (n, fact) in told.into_iter().enumerate() {
            facts.push(n.to_string(), fact);
        }
        let standing: Vec<_> = requests(&facts)
            .into_iter()
            .map(|r| (state_of(&r), r.request))
            .collect();
        let (open, met) = (ResourceRequestState::Open, ResourceRequestState::Fulfilled);
        assert_eq!(standing, [(open, "b".to_owned()), (met, "a".to_owned())]);
        let planned: Vec<_> = assignments(&facts).into_iter().map(|a| a.assignment).collect();
        assert_eq!(planned, ["1"]);
    }

    #[test]
    fn planned_time_touches_the_days_from_its_first_to_its_last() {
        let Fact::AssignmentChanged(planned) =
            placed("1", AssignmentState::Confirmed, "2026-11-02T08:00:00Z")
        else {
            unreachable!("placed makes assignments");
        };
        let day = |day: &str| Some(day.parse().unwrap());
        for (from, to, expected) in [
            (None, None, true),
            (day("2026-11-20"), None, true),
            (day("2026-11-21"), None, false),
            (None, day("2026-11-09"), true),
            (None, day("2026-11-08"), false),
            (day("2026-11-12"), day("2026-11-13"), true),
        ] {
            assert_eq!(touches(&planned, from, to), expected, "{from:?} to {to:?}");
        }
    }
}
