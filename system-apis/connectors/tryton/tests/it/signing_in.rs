//! Sessions, and what is wrong with a connection.

use canonical_model::{FailureClass, ListQuery};
use serde_json::json;
use system_ports::{ErpPort, Port};
use tryton_connector::{Settings, Tryton};

use crate::proxy::{Fault, Proxy};
use crate::{Books, account, create, time, try_write, write};

#[actix_web::test]
async fn a_session_that_tryton_ends_is_renewed_once_for_reads_and_writes() {
    let Some(books) = Books::open().await else { return };
    let proxy = Proxy::before(&books.server.url).await;
    let erp = &books.other(&proxy.url, |_| {});
    erp.check_health().await.unwrap();
    assert_eq!(proxy.calls("common.db.login"), 1);
    // Tryton ends all sessions of a user whose password is set.
    let end_all = async || {
        let password = std::fs::read_to_string(books.server.password_file("fairlead")).unwrap();
        let set = json!([[books.server.id("/users/fairlead")], { "password": password.trim() }]);
        books.admin.model("res.user.write", set).await;
    };
    end_all().await;
    erp.accounts().list(&ListQuery::default()).await.unwrap();
    assert_eq!(proxy.calls("common.db.login"), 2);
    end_all().await;
    write(erp.accounts(), "after-the-end", account("After")).await;
    assert_eq!(proxy.calls("common.db.login"), 3);

    // A 401 that stays is told, and says that nothing was written.
    proxy.arm("party.party.create", Fault::Status(401), 2);
    let refused = try_write(erp.accounts(), create("refused", account("Refused")))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.is_unknown()),
        ("credentials_refused", false)
    );
    proxy.arm("party.party.create", Fault::Status(503), 1);
    let away = try_write(erp.accounts(), create("away", account("Away")))
        .await
        .unwrap_err();
    assert_eq!(
        (away.code.as_str(), away.is_transient(), away.is_unknown()),
        ("vendor_unavailable", true, true)
    );
}

#[actix_web::test]
async fn a_wrong_password_database_or_field_is_a_fault_that_says_so() {
    let Some(books) = Books::open().await else { return };
    let broken = async |change: fn(&mut Settings)| {
        let failure = books
            .other(&books.server.url, change)
            .check_health()
            .await
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::Fault, "{failure:?}");
        assert_eq!(failure.source.as_deref(), Some("erp/main"));
        failure
    };
    let nobody = broken(|settings| settings.login = "nobody".into()).await;
    assert_eq!(nobody.code, "sign_in_refused");
    let elsewhere = broken(|settings| settings.database = "elsewhere".into()).await;
    assert_eq!(elsewhere.code, "sign_in_refused");
    let mut twice = crate::settings(&books.server, &books.server.url);
    twice.project.done = vec![1];
    let refused = Tryton::connect("erp/main", &twice).err().unwrap();
    assert_eq!(refused.code, "invalid_settings");
}

#[actix_web::test]
async fn a_server_that_is_killed_and_comes_back_has_lost_nothing() {
    let Some(mut books) = Books::open().await else {
        return;
    };
    let work = books.engagement("Helios").await;
    let hour = write(books.erp.time_entries(), "hour", time(&work, 60)).await;
    books.server.kill();
    let away = try_write(books.erp.time_entries(), create("while-away", time(&work, 30)))
        .await
        .unwrap_err();
    assert_eq!(
        (away.code.as_str(), away.is_unknown()),
        ("connection_failed", false)
    );
    books.server.restart().await;
    assert_eq!(
        write(books.erp.time_entries(), "hour", time(&work, 60)).await.id,
        hour.id
    );
    write(books.erp.time_entries(), "while-away", time(&work, 30)).await;
    assert_eq!(books.count("timesheet.line", json!([])).await, 2);
}
