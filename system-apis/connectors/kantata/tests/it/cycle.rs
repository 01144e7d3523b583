//! A project's life as the firm's people live it: staffed, worked on, approved, withdrawn, deleted.

use canonical_model::{
    ApprovalState, AssignmentState, Expense, FindBy, LinkState, ListQuery, Milestone, MilestoneState,
    ResourceRequestState, TimeEntry,
};
use reqwest::Method;
use serde_json::json;
use system_ports::PsaPort;
use vendor_twins::firm::Expenditure;
use vendor_twins::kantata::{DEVELOPMENT_TOKEN, KantataSettings};

use crate::account::{
    Desk, Follower, JAMES, TOM, day, eur, hours, mark, milestone, prompt, request, task, written,
};

#[actix_web::test]
async fn a_seat_is_filled_and_its_time_confirmed_and_withdrawn() {
    let desk = Desk::ago(3_600, prompt(), DEVELOPMENT_TOKEN, |_| {});
    let psa = &desk.psa;
    let place = desk.project("HEL-0001").await;
    let id = written(psa.resource_requests(), "r", request(&place, 2400))
        .await
        .id;
    let (mut requests, mut planned) = (Follower::new(), Follower::new());
    requests.catch_up(psa.resource_requests()).await;
    planned.catch_up(psa.assignments()).await;
    assert_eq!(requests.data(&id).state, ResourceRequestState::Open);
    let time = planned.seen.keys().next().unwrap().clone();
    let pencilled = planned.data(&time);
    assert_eq!(
        (pencilled.state, &pencilled.person),
        (AssignmentState::Tentative, &None)
    );
    assert_eq!(
        pencilled.role.as_ref().unwrap().label.as_deref(),
        Some("Senior Consultant")
    );

    // An hour later the seat is given a name: its time counts as changed then.
    let asked_at = planned.seen[&time].changed_at;
    desk.catches_up();
    let seat = desk.field("workspace_allocations", &time, "workspace_resource_id");
    let seat = format!("workspace_resources/{}", seat.as_str().unwrap());
    let named = json!({"workspace_resource": {"label": "Lead"}});
    desk.acts(Method::PUT, &seat, named).await;
    planned.catch_up(psa.assignments()).await;
    assert!(planned.seen[&time].changed_at > asked_at);

    let placed = desk
        .firm
        .delivery
        .staff(&place, |_| Some(JAMES.to_owned()))
        .await
        .unwrap();
    assert_eq!(placed, 1);
    requests.catch_up(psa.resource_requests()).await;
    planned.catch_up(psa.assignments()).await;
    let filled = requests.data(&id);
    assert_eq!(filled.state, ResourceRequestState::Fulfilled);
    assert_eq!(filled.person.as_ref().unwrap().label.as_deref(), Some(JAMES));
    let agreed = planned.data(&time);
    assert_eq!(
        (agreed.state, agreed.minutes.count()),
        (AssignmentState::Confirmed, 2400)
    );
    assert_eq!(agreed.project.label.as_deref(), Some("HEL-0001"));
    assert_eq!(agreed.person.as_ref().unwrap().label.as_deref(), Some(JAMES));

    // Somebody else takes the seat: the time itself has not been touched.
    desk.acts(
        Method::PUT,
        &seat,
        json!({"workspace_resource": {"user_id": "14"}}),
    )
    .await;
    planned.catch_up(psa.assignments()).await;
    assert_eq!(
        planned.data(&time).person.as_ref().unwrap().label.as_deref(),
        Some(TOM)
    );

    desk.acts(
        Method::DELETE,
        &format!("workspace_allocations/{time}"),
        json!({}),
    )
    .await;
    planned.catch_up(psa.assignments()).await;
    let gone = &planned.seen[&time];
    assert!(gone.record.is_none() && gone.failure.is_none(), "{gone:?}");
    assert_eq!(psa.assignments().read(&time).await.unwrap_err().code, "not_found");
}

/// Hours that are approved, taken back and deleted, in an account where an approval does or does not touch entries.
async fn hours_live(touches: bool) {
    let account = KantataSettings {
        approval_touches_entries: touches,
        ..prompt()
    };
    let desk = Desk::ago(3_600, account, DEVELOPMENT_TOKEN, |_| {});
    let psa = &desk.psa;
    let place = desk.project("HEL-0001").await;
    let blueprint = written(psa.tasks(), "blueprint", task(&place, "Blueprint"))
        .await
        .id;
    let worked: Vec<_> = ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05"]
        .iter()
        .map(|date| hours(date, 450))
        .collect();
    let entries = desk.firm.delivery.log_time(&place, &worked).await.unwrap();
    let mut feed: Follower<TimeEntry> = Follower::new();
    feed.catch_up(psa.time_entries()).await;
    assert_eq!(feed.seen.len(), 4);
    assert_eq!(feed.data(&entries[0]).approval, ApprovalState::Draft);

    // The entries are older than the overlap: only what is new comes.
    desk.catches_up();
    feed.seen.clear();
    assert_eq!(feed.catch_up(psa.time_entries()).await, []);
    let submission = desk
        .firm
        .delivery
        .submit_and_approve("timesheet_submission", "line_item_ids", &place, &entries)
        .await
        .unwrap();
    feed.seen.clear();
    feed.catch_up(psa.time_entries()).await;
    assert_eq!(feed.seen.len(), 4, "touches: {touches}");
    for id in &entries {
        let entry = feed.data(id);
        assert_eq!(entry.approval, ApprovalState::Approved);
        assert_eq!(entry.rate.unwrap().money, eur("220.00"));
        assert_eq!(entry.cost_rate.unwrap().money, eur("122.34"));
        assert_eq!(entry.person.label.as_deref(), Some(JAMES));
        assert_eq!(
            entry.role.as_ref().unwrap().label.as_deref(),
            Some("Senior Consultant")
        );
        let booked = entry.task.as_ref().unwrap();
        assert_eq!(
            (booked.id.as_str(), booked.label.as_deref()),
            (blueprint.as_str(), Some("Blueprint"))
        );
        assert_eq!(entry.project.label.as_deref(), Some("HEL-0001"));
        assert_eq!(
            entry.legal_entity.as_ref().unwrap().id,
            "Northwind Advisory Deutschland"
        );
        let approver = entry.approved_by.as_ref().unwrap().label.as_deref();
        assert_eq!(approver, Some("helen.cho@northwind-advisory.example"));
        let waited = chrono::Utc::now() - entry.approved_at.unwrap();
        assert!(waited < chrono::Duration::minutes(1), "{waited}");
    }

    // Posted, marked, then taken back.
    let marked = psa
        .time_entries()
        .link(&[
            mark("a", &entries[0], Some("7001"), LinkState::Succeeded),
            mark("b", &entries[1], None, LinkState::Failed),
            mark("c", "999999999", Some("7002"), LinkState::Succeeded),
        ])
        .await;
    assert!(
        marked[0].written.is_some() && marked[1].written.is_some(),
        "{marked:?}"
    );
    // What is not there can be told from what is refused.
    assert_eq!(marked[2].failure.as_ref().unwrap().code, "not_found");
    let links = |n: usize| psa.time_entries().read(&entries[n]);
    assert_eq!(
        links(0).await.unwrap().links.get("erp").map(String::as_str),
        Some("7001")
    );
    assert!(links(1).await.unwrap().links.is_empty());
    let before = feed.seen[&entries[0]].changed_at;
    let taken_back = desk
        .firm
        .delivery
        .withdraw_approval("time_entries", &entries[..1], "wrong project")
        .await
        .unwrap();
    assert_eq!(taken_back, [submission]);
    feed.seen.clear();
    feed.catch_up(psa.time_entries()).await;
    assert_eq!(feed.data(&entries[0]).approval, ApprovalState::Rejected);
    assert_eq!(feed.data(&entries[0]).approved_at, None);
    assert!(feed.seen[&entries[0]].changed_at >= before);

    desk.acts(Method::DELETE, &format!("time_entries/{}", entries[3]), json!({}))
        .await;
    feed.catch_up(psa.time_entries()).await;
    assert!(feed.seen[&entries[3]].record.is_none());

    let mut query = ListQuery {
        project: Some(place),
        state: Some("rejected".to_owned()),
        date_from: Some(day("2026-11-03")),
        ..ListQuery::default()
    };
    assert_eq!(psa.time_entries().list(&query).await.unwrap().items.len(), 2);
    query.state = Some("approved".to_owned());
    assert_eq!(psa.time_entries().list(&query).await.unwrap().items.len(), 0);
    (query.state, query.date_from, query.date_to) = (None, None, Some(day("2026-11-02")));
    query.person = Some("12".to_owned());
    assert_eq!(psa.time_entries().list(&query).await.unwrap().items.len(), 1);
    query.person = Some("13".to_owned());
    assert_eq!(psa.time_entries().list(&query).await.unwrap().items.len(), 0);
}

#[actix_web::test]
async fn hours_are_approved_withdrawn_and_deleted() {
    hours_live(true).await;
}

#[actix_web::test]
async fn an_approval_that_moves_no_entrys_stamp_is_told_all_the_same() {
    hours_live(false).await;
}

#[actix_web::test]
async fn expenses_go_the_same_way() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let place = desk.project("HEL-0001").await;
    let spent: Vec<_> = (1..=4)
        .map(|n| Expenditure {
            person: TOM.to_owned(),
            date: day("2026-11-02"),
            category: "Travel".to_owned(),
            amount_in_cents: 8_450 * n,
            notes: "Train".to_owned(),
        })
        .collect();
    let ids = desk.firm.delivery.spend(&place, &spent).await.unwrap();
    let mut feed: Follower<Expense> = Follower::new();
    feed.catch_up(psa.expenses()).await;
    let first = feed.data(&ids[0]);
    assert_eq!(
        (first.approval, first.amount),
        (ApprovalState::Approved, eur("84.50"))
    );
    assert_eq!((first.category.id.as_str(), first.billable), ("Travel", true));
    assert_eq!(first.person.label.as_deref(), Some(TOM));
    assert!(first.approved_at.is_some());
    desk.firm
        .delivery
        .withdraw_approval("expenses", &ids, "receipt missing")
        .await
        .unwrap();
    desk.acts(Method::DELETE, &format!("expenses/{}", ids[1]), json!({}))
        .await;
    feed.catch_up(psa.expenses()).await;
    assert_eq!(feed.data(&ids[0]).approval, ApprovalState::Rejected);
    assert!(feed.seen[&ids[1]].record.is_none());
    let marked = psa
        .expenses()
        .link(&[mark("m", &ids[2], Some("9"), LinkState::Succeeded)])
        .await;
    assert!(marked[0].written.is_some(), "{marked:?}");
    assert_eq!(psa.expenses().read(&ids[2]).await.unwrap().links.len(), 1);
}

#[actix_web::test]
async fn a_milestone_that_people_complete_or_reprice_is_told() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let place = desk.project("HEL-0001").await;
    let id = written(psa.milestones(), "m", milestone(&place, "Handover", "40000"))
        .await
        .id;
    written(psa.tasks(), "t", task(&place, "Blueprint")).await;
    // A milestone of the plan that nobody pays for is none of ours.
    let plain = json!({"story": {"title": "Kick-off", "story_type": "milestone", "workspace_id": place}});
    desk.acts(Method::POST, "stories", plain).await;
    let mut feed: Follower<Milestone> = Follower::new();
    feed.catch_up(psa.milestones()).await;
    assert_eq!(feed.seen.keys().collect::<Vec<_>>(), [&id]);
    assert_eq!(feed.data(&id).state, MilestoneState::Planned);

    desk.firm.delivery.complete(&place, "Handover").await.unwrap();
    feed.catch_up(psa.milestones()).await;
    let done = feed.data(&id);
    assert_eq!(
        (done.state, done.completed_on.is_some()),
        (MilestoneState::Completed, true)
    );

    let found = desk
        .firm
        .delivery
        .list("billing_milestones", &[("story_ids", &id)])
        .await
        .unwrap();
    let billing = format!("billing_milestones/{}", found[0]["id"].as_str().unwrap());
    let priced = json!({"billing_milestone": {"amount_in_cents": 4_500_000}});
    desk.acts(Method::PUT, &billing, priced).await;
    feed.catch_up(psa.milestones()).await;
    assert_eq!(feed.data(&id).amount, eur("45000.00"));

    desk.acts(Method::DELETE, &format!("stories/{id}"), json!({}))
        .await;
    feed.catch_up(psa.milestones()).await;
    assert!(feed.seen[&id].record.is_none());
    assert_eq!(psa.milestones().find(FindBy::EffectKey, "m").await.unwrap(), []);
}
