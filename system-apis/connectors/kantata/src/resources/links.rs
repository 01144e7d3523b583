//! Notes on records how another system stands with them: external references, which users see on the record.
//!
//! A record has one reference for each service name. Ours are `<service name> <system>`, so that each system has its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use canonical_model::{Failure, FailureClass, Link, LinkState, Result, WriteResult, Written};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{Noun, Records};
use crate::client::Fields;
use crate::cursor::is_id;
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

/// A state as the vendor writes it.
fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Pending => "pending",
        LinkState::Succeeded => "successful",
        LinkState::Failed => "failed",
    }
}

/// What other systems call a record, where they have it.
pub(super) fn read(envelope: &Envelope, record: &Record, settings: &Settings) -> BTreeMap<String, String> {
    let ours = |(service, reference, status): (String, String, String)| {
        let system = service.strip_prefix(&settings.service_name)?.trim();
        (!system.is_empty() && status == word(LinkState::Succeeded)).then(|| (system.to_owned(), reference))
    };
    envelope.references(record).into_iter().filter_map(ours).collect()
}

impl<T: Noun> Records<T> {
    /// Kantata takes one reference a call; setting the same again is setting it once.
    pub(super) async fn link_all(&self, links: &[Link]) -> Vec<WriteResult> {
        let at_once = usize::try_from(self.settings().limits.max_concurrent).unwrap_or(1);
        // Once Kantata cannot be reached or is over its limit, the rest is not sent.
        let stopped = AtomicBool::new(false);
        let stopped = &stopped;
        stream::iter(links.iter().cloned())
            .map(|link| async move {
                let result = if stopped.load(Ordering::Relaxed) {
                    let message = format!("{} was not sent: the calls before it failed", link.key);
                    Err(self.at_home(Failure::transient("not_sent", message)))
                } else {
                    self.set_link(&link).await
                };
                if result.as_ref().is_err_and(Failure::is_transient) {
                    stopped.store(true, Ordering::Relaxed);
                }
                WriteResult::new(link.key, result)
            })
            .buffered(at_once)
            .collect()
            .await
    }

    async fn set_link(&self, link: &Link) -> Result<Written> {
        let Some(subject) = T::REFERENCED_AS.filter(|_| is_id(&link.id)) else {
            return Err(self.missing(&link.id));
        };
        let mut fields = Fields::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put(
            "service_name",
            json!(format!("{} {}", self.settings().service_name, link.system)),
        );
        put("service_model", json!(T::NAME));
        // A reference needs a text, also before there is one.
        put(
            "service_model_ref",
            json!(link.other_id.as_deref().unwrap_or("-")),
        );
        put("subject_type", json!(subject));
        put("subject_id", json!(link.id));
        put("status", json!(word(link.state)));
        // What failed before is no news once it succeeded.
        put("external_message", json!(link.message));
        let what = format!("linking {} {}", T::NAME, link.id);
        if let Err(failure) = self.client().set_reference(&fields, &what).await {
            // Of a subject that is gone Kantata says no more than that it is invalid.
            let refused = failure.class == FailureClass::Business;
            return Err(if refused && self.is_gone(&link.id).await? {
                self.missing(&link.id)
            } else {
                failure
            });
        }
        Ok(Written {
            id: link.id.clone(),
            code: None,
            version: None,
            created: Some(false),
        })
    }

    async fn is_gone(&self, id: &str) -> Result<bool> {
        let (ids, what) = (
            BTreeSet::from([id.to_owned()]),
            format!("looking for {} {id}", T::NAME),
        );
        let found = self
            .client()
            .only(T::OBJECT.plural, &ids, &T::params(), &what)
            .await?;
        Ok(found.results.is_empty())
    }
}
