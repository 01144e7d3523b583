//! A won deal is told of by everybody at once, and is one project.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::books;
use crate::world::{World, small_deal, text};

#[actix_web::test]
async fn a_hundred_notices_and_the_feed_make_one_project() {
    let world = World::start().await;
    let won = world
        .firm
        .sales
        .win(&small_deal("Meridian Rail AG", "Timetable review"))
        .await
        .unwrap();
    let notice = json!({"connection": "crm/main", "opportunity_id": won.opportunity_id});
    let (api, path) = ("quote-to-project-process-api", "/v1/deal-notices");
    let tell = || world.try_call(Method::POST, api, path, "deals:write", Some(&notice));
    let answers = join_all((0..100).map(|_| tell())).await;
    assert!(answers.iter().all(|(status, _)| *status == 202), "{answers:?}");
    let instance = &answers[0].1["instance_id"];
    assert!(
        instance.is_string()
            && answers
                .iter()
                .all(|(_, answer)| answer["instance_id"] == *instance)
    );
    assert!(
        answers.iter().filter(|(_, answer)| answer["new"] == true).count() <= 1,
        "the feed may have been first"
    );
    let project = world.project_of(&won.opportunity_id).await;

    // A change of the deal brings it through the feed again.
    let (status, again) = tell().await;
    assert_eq!(
        (status, &again["new"], &again["instance_id"]),
        (202, &json!(false), instance)
    );
    let path = "/v1/instances?process=quote-to-project&limit=100";
    let page = world.call(Method::GET, api, path, "processes:read", None).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    let created = (world.created("netsuite").await, world.created("kantata").await);
    assert_eq!(
        (created.0["customer"], created.0["job"], created.1["workspaces"]),
        (1, 1, 1),
        "{created:?}"
    );
    assert_eq!(created.1["resource_requests"], 1, "one demand set: {created:?}");
    let jobs = world.rows("SELECT id FROM job").await;
    assert_eq!((jobs.len(), text(&jobs[0]["id"])), (1, project.job_id));
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}
