//! The handlers that read.

use actix_web::{HttpRequest, web};
use canonical_model::{Change, Changes, Page, Result, Sourced};
use chassis::{Allowed, Caller};
use serde::Deserialize;
use system_ports::Verb;

use crate::answers::{Answer, answer};
use crate::costs::View;
use crate::permission::RecordsRead;
use crate::query::{self, ChangesParams, FindParams, ListParams};
use crate::{Has, Record, System};

#[derive(Deserialize)]
pub(crate) struct RecordPath {
    connection: String,
    id: String,
}

pub(crate) async fn list<P, T>(
    allowed: Allowed<RecordsRead>,
    name: web::Path<String>,
    request: HttpRequest,
    system: web::Data<System<P>>,
) -> Answer<Page<Sourced<T>>>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let list = async {
        let view = View::of::<T>(&allowed.caller)?;
        let opened = system.open::<T>(&name, Verb::List)?;
        let query = query::read::<ListParams>(&request)?.checked::<T>(opened.vendor, &opened.support)?;
        let page = opened.ask(opened.collection.list(&query)).await?;
        Ok(Page {
            items: page.items.into_iter().map(|record| view.show(record)).collect(),
            next_cursor: page.next_cursor,
        })
    };
    answer(list.await)
}

pub(crate) async fn read<P, T>(
    allowed: Allowed<RecordsRead>,
    path: web::Path<RecordPath>,
    system: web::Data<System<P>>,
) -> Answer<Sourced<T>>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let read = async {
        let view = View::of::<T>(&allowed.caller)?;
        let opened = system.open::<T>(&path.connection, Verb::Read)?;
        let record = opened.ask(opened.collection.read(&path.id)).await?;
        Ok(view.show(record))
    };
    answer(read.await)
}

pub(crate) async fn find<P, T>(
    allowed: Allowed<RecordsRead>,
    name: web::Path<String>,
    request: HttpRequest,
    system: web::Data<System<P>>,
) -> Answer<Vec<Sourced<T>>>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let find = async {
        let view = View::of::<T>(&allowed.caller)?;
        let opened = system.open::<T>(&name, Verb::Find)?;
        let FindParams { by, value } =
            query::read::<FindParams>(&request)?.checked::<T>(opened.vendor, &opened.support)?;
        let found = opened.ask(opened.collection.find(by, &value)).await?;
        Ok(found.into_iter().map(|record| view.show(record)).collect())
    };
    answer(find.await)
}

pub(crate) async fn changes<P, T>(
    allowed: Allowed<RecordsRead>,
    name: web::Path<String>,
    request: HttpRequest,
    system: web::Data<System<P>>,
) -> Answer<Changes<T>>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    answer(follow(&allowed.caller, &name, &request, &system).await)
}

async fn follow<P, T>(
    caller: &Caller,
    name: &str,
    request: &HttpRequest,
    system: &System<P>,
) -> Result<Changes<T>>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let view = View::of::<T>(caller)?;
    let opened = system.open::<T>(name, Verb::Changes)?;
    let params = query::read::<ChangesParams>(request)?;
    let (cursor, limit) = (params.cursor.as_deref(), params.limit()?);
    let fetched = opened.ask(opened.collection.changes(cursor, limit)).await?;
    let show = |change: Change<T>| Change {
        record: change.record.map(|record| view.show(record)),
        failure: change.failure.map(|failure| opened.met(failure)),
        ..change
    };
    Ok(Changes {
        items: fetched.items.into_iter().map(show).collect(),
        next_cursor: fetched.next_cursor,
        more: fetched.more,
    })
}
