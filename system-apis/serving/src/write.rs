//! The handlers that write.

use actix_web::{FromRequest, HttpRequest, web};
use canonical_model::{Link, Write, WriteResult};
use chassis::{Allowed, IdempotencyKey, Problem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use system_ports::Verb;
use utoipa::ToSchema;

use crate::answers::{Answer, answer};
use crate::batch::Batch;
use crate::permission::RecordsWrite;
use crate::{Has, Record, System};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Writes {
    writes: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    links: Vec<Value>,
}

/// What became of each item of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct WriteResults {
    /// One result an item, in their order.
    results: Vec<WriteResult>,
}

pub(crate) async fn write<P, T>(
    _allowed: Allowed<RecordsWrite>,
    name: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    system: web::Data<System<P>>,
) -> Answer<WriteResults>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let opened = system.open::<T>(&name, Verb::Write).map_err(Problem)?;
    let body: Writes = body(&request, payload).await?;
    let batch = Batch::<Write<T>>::read(body.writes).map_err(Problem)?;
    let answered = match batch.sound() {
        [] => Vec::new(),
        sound => opened
            .have(opened.collection.write(sound))
            .await
            .map_err(Problem)?,
    };
    let results = batch.results(answered, &opened.connection);
    note(&opened.connection, T::NAME, "write", &results);
    answer(Ok(WriteResults { results }))
}

pub(crate) async fn link<P, T>(
    _allowed: Allowed<RecordsWrite>,
    name: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    system: web::Data<System<P>>,
) -> Answer<WriteResults>
where
    P: Has<T> + ?Sized + 'static,
    T: Record,
{
    let opened = system.open::<T>(&name, Verb::Link).map_err(Problem)?;
    let body: Links = body(&request, payload).await?;
    let batch = Batch::<Link>::read(body.links).map_err(Problem)?;
    let answered = match batch.sound() {
        [] => Vec::new(),
        sound => opened
            .have(opened.collection.link(sound))
            .await
            .map_err(Problem)?,
    };
    let results = batch.results(answered, &opened.connection);
    note(&opened.connection, T::NAME, "link", &results);
    answer(Ok(WriteResults { results }))
}

/// The key of the call, which must be there, and its body. What keeps a write single is its own key, in the vendor.
async fn body<B: DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<B, actix_web::Error> {
    IdempotencyKey::extract(request).await?;
    web::Json::<B>::from_request(request, &mut payload.into_inner())
        .await
        .map(web::Json::into_inner)
}

/// One line a batch; a failure's own detail is for the log and goes nowhere else.
fn note(connection: &str, record: &str, verb: &str, results: &[WriteResult]) {
    let failures = || {
        results
            .iter()
            .filter_map(|result| Some((&result.key, result.failure.as_ref()?)))
    };
    for (key, failure) in failures() {
        tracing::info!(
            connection, record, %key, code = %failure.code, class = ?failure.class, outcome = ?failure.outcome,
            detail = failure.detail, "{verb} refused: {}", failure.message
        );
    }
    tracing::info!(
        connection,
        record,
        items = results.len(),
        failed = failures().count(),
        "{verb} answered"
    );
}
