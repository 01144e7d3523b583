//! The deals that the development firm sells.

use chrono::{Days, NaiveDate};
use vendor_twins::firm::{Deal, DealLine};

/// Strategy work for a German energy company, charged by the hour: the deal of the demonstration. It began two weeks
/// before `today`, so that its first hours can be booked.
#[must_use]
pub fn helios(today: NaiveDate) -> Deal {
    let start = monday_before(today, 14);
    let end = start.checked_add_days(Days::new(60)).unwrap_or(start);
    let line = |workstream: &str, role: &str, hours, unit_price| DealLine {
        description: format!("{role}, {workstream}"),
        workstream: workstream.to_owned(),
        role: Some(role.to_owned()),
        hours,
        unit_price,
        start,
        end,
    };
    Deal {
        company: "Helios Energy GmbH".to_owned(),
        website: Some("https://www.helios-energy.example".to_owned()),
        tax_registration: Some("DE 811 907 980".to_owned()),
        address: [
            "Am Sandtorkai 12".to_owned(),
            "Hamburg".to_owned(),
            "20457".to_owned(),
            "Germany".to_owned(),
        ],
        name: "Helios grid strategy".to_owned(),
        currency: "EUR".to_owned(),
        legal_entity: "Northwind Advisory Deutschland".to_owned(),
        region: "EMEA".to_owned(),
        billing_method: "Time and Materials".to_owned(),
        target_margin: "35".to_owned(),
        manager_email: "helen.cho@northwind-advisory.example".to_owned(),
        start,
        end,
        purchase_order: Some("PO-4711".to_owned()),
        lines: vec![
            line("Strategy", "Partner", 80, 370),
            line("Strategy", "Senior Consultant", 160, 220),
            line("Rollout", "Consultant", 240, 165),
        ],
    }
}

/// An operating-model design for an American manufacturer, paid by milestones.
#[must_use]
pub fn fabrikam(today: NaiveDate) -> Deal {
    let start = monday_before(today, 14);
    let end = start.checked_add_days(Days::new(90)).unwrap_or(start);
    let milestone = |description: &str, amount, days| {
        let due = start.checked_add_days(Days::new(days)).unwrap_or(start);
        DealLine {
            description: description.to_owned(),
            workstream: "Design".to_owned(),
            role: None,
            hours: 0,
            unit_price: amount,
            start: due,
            end: due,
        }
    };
    let role = |role: &str, hours, unit_price| DealLine {
        description: role.to_owned(),
        workstream: "Design".to_owned(),
        role: Some(role.to_owned()),
        hours,
        unit_price,
        start,
        end,
    };
    Deal {
        company: "Fabrikam Industrial Group".to_owned(),
        website: Some("https://www.fabrikam-industrial.example".to_owned()),
        tax_registration: None,
        address: [
            "1200 Lake Shore Drive".to_owned(),
            "Chicago".to_owned(),
            "60611".to_owned(),
            "United States".to_owned(),
        ],
        name: "Fabrikam operating model".to_owned(),
        currency: "USD".to_owned(),
        legal_entity: "Northwind Advisory Inc.".to_owned(),
        region: "Americas".to_owned(),
        billing_method: "Milestone".to_owned(),
        target_margin: "40".to_owned(),
        manager_email: "helen.cho@northwind-advisory.example".to_owned(),
        start,
        end,
        purchase_order: None,
        lines: vec![
            role("Consultant", 120, 180),
            milestone("Current state assessed", 24_000, 12),
            milestone("Target model agreed", 36_000, 80),
        ],
    }
}

/// The Monday on or before the day that lies `days` before `today`.
fn monday_before(today: NaiveDate, days: u64) -> NaiveDate {
    let day = today.checked_sub_days(Days::new(days)).unwrap_or(today);
    day.week(chrono::Weekday::Mon).first_day()
}
