//! What the shared handlers work with.

use std::sync::Arc;

use actix_web::web;
use canonical_model::{Failure, Result};
use chassis::Extras;
use persistence::idempotency::{self, Seen};
use persistence::{BoxFuture, Database, Tx};
use process_engine::Desk;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An API's engine, as the shared handlers see it.
#[derive(Clone)]
pub struct Served {
    /// The database of engine and API.
    pub database: Database,
    /// Instances and exceptions.
    pub desk: Desk,
}

impl Served {
    /// What the chassis needs so that the shared handlers find it.
    #[must_use]
    pub fn extras(self) -> Extras {
        let data = web::Data::new(self);
        Extras {
            data: Some(Arc::new(move |config: &mut web::ServiceConfig| {
                config.app_data(data.clone());
            })),
            ..Extras::default()
        }
    }

    /// Does a change once for its key: the key, the change and its answer commit together.
    ///
    /// # Errors
    /// Business `idempotency_key_reused`; the failure of `change`.
    pub async fn once<A, F>(
        &self,
        operation: &'static str,
        key: &str,
        request: &impl Serialize,
        change: F,
    ) -> Result<A>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<A>> + Send + 'static,
    {
        once(&self.database, operation, key, request, change).await
    }
}

/// See [`Served::once`], for handlers of an API's own.
///
/// # Errors
/// See there.
pub async fn once<A, F>(
    database: &Database,
    operation: &'static str,
    key: &str,
    request: &impl Serialize,
    change: F,
) -> Result<A>
where
    A: Serialize + DeserializeOwned + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<A>> + Send + 'static,
{
    let (key, digest) = (key.to_owned(), idempotency::digest(request)?);
    database
        .write(move |tx| {
            Box::pin(async move {
                if let Seen::Replay { body, .. } = idempotency::begin(tx, operation, &key, &digest).await? {
                    return serde_json::from_str(&body).map_err(|e| unreadable(&e));
                }
                let answer = change(tx).await?;
                let body = serde_json::to_string(&answer).map_err(|e| unreadable(&e))?;
                idempotency::finish(tx, operation, &key, 200, &body).await?;
                Ok(answer)
            })
        })
        .await
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::fault("unreadable_answer", "a recorded answer cannot be written or read")
        .with_detail(error.to_string())
}
