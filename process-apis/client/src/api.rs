//! What all clients of this crate do alike.

use std::sync::Arc;

use canonical_model::{Failure, Result};
use egress::{Authorizer, ClientSettings, HttpClient, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Act;

/// Questions asked at once.
const BATCH: usize = 1000;

/// One process API.
#[derive(Clone)]
pub(crate) struct Api {
    http: HttpClient,
}

impl Api {
    /// `name` is the API's binary, which is also the audience of its tokens.
    pub(crate) fn new(
        name: &str,
        settings: &ClientSettings,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Self> {
        let http = HttpClient::new(settings.egress(name))?.with_authorizer(authorizer);
        Ok(Self { http })
    }

    pub(crate) async fn get<A: DeserializeOwned>(&self, request: Request) -> Result<A> {
        self.http.call(request).await
    }

    pub(crate) async fn act<A: DeserializeOwned>(&self, request: Request, act: &Act) -> Result<A> {
        self.http.call(act.put_on(request)).await
    }

    pub(crate) async fn act_silently(&self, request: Request, act: &Act) -> Result<()> {
        self.http.tell(act.put_on(request)).await
    }

    /// Asks questions in bulk; `wrap` and `unwrap` make and open the envelope. As many answers as questions, in order.
    pub(crate) async fn ask<Q, E, A, B>(
        &self,
        path: &'static str,
        questions: &[Q],
        wrap: impl Fn(Vec<Q>) -> E,
        unwrap: impl Fn(A) -> Vec<B>,
    ) -> Result<Vec<B>>
    where
        Q: Clone,
        E: Serialize,
        A: DeserializeOwned,
    {
        let mut answers = Vec::with_capacity(questions.len());
        for batch in questions.chunks(BATCH) {
            let request = Request::post_json(path, &wrap(batch.to_vec())).reading();
            let answered = unwrap(self.act(request, &Act::once()).await?);
            if answered.len() != batch.len() {
                let message = format!("{} of {} questions were answered", answered.len(), batch.len());
                return Err(Failure::fault("answers_missing", message).at(self.http.name()));
            }
            answers.extend(answered);
        }
        Ok(answers)
    }
}

/// A canonical word as it stands in a URL: the same as in JSON.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
