//! What a step works with.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use canonical_model::{CanonicalId, EffectKey, Fact, Failure, Result, WriteResult, Written};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use persistence::{Tx, args};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ItemException;
use crate::core::Core;
use crate::effect::{EffectCall, EffectsCall};
use crate::effect_journal::EffectJournal;
use crate::pending::Pending;
use crate::work::Work;

/// What a step works with. Ids, keys and times are the same on each try, so that each try sends the same requests.
pub struct StepContext<Sv> {
    pub(crate) core: Arc<Core>,
    pub(crate) services: Arc<Sv>,
    pub(crate) work: Arc<Work>,
    pub(crate) abbreviation: String,
    pub(crate) last_try: bool,
    pub(crate) pending: Pending,
}

impl<Sv: Send + Sync + 'static> StepContext<Sv> {
    /// What the process API gave to its engine: clients, settings.
    #[must_use]
    pub fn services(&self) -> &Sv {
        &self.services
    }

    /// The instance.
    #[must_use]
    pub fn instance_id(&self) -> CanonicalId {
        self.work.id
    }

    /// What makes the instance single.
    #[must_use]
    pub fn business_key(&self) -> &str {
        &self.work.business_key
    }

    /// Correlates with logs, traces and vendor writes.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        &self.work.correlation_id
    }

    /// The step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.work.step_name
    }

    /// When the instance was started.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        self.work.started_at
    }

    /// When the step became due: the same on each try.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.work.step_since
    }

    /// Whether a transient failure of this try goes to a person instead of another try.
    #[must_use]
    pub fn is_last_try(&self) -> bool {
        self.last_try
    }

    /// An id that follows from the instance and `name`: UUIDv7 of the instance's start.
    #[must_use]
    pub fn id(&self, name: &str) -> CanonicalId {
        derived_id(self.work.id, self.work.started_at, name)
    }

    /// The key of an effect of this step: follows from process, step, business key and `what`.
    #[must_use]
    pub fn key(&self, what: &str) -> EffectKey {
        let work = &self.work;
        let parts = [work.process.as_str(), &work.label(), &work.business_key, what];
        derived_key(&self.abbreviation, what, &parts)
    }

    /// A key that other instances of the process share: follows from process and `what` alone.
    #[must_use]
    pub fn shared_key(&self, what: &str) -> EffectKey {
        shared_key(&self.work.process, &self.abbreviation, what)
    }

    /// One write into a system of record. Awaited, it is journalled, sent and settled: an effect that was applied before
    /// gives what it gave then; one whose answer is not known is looked up by `find` before anything is sent again.
    /// `what` is unique within the step. `find` reads what was written, unless the call is made [`EffectCall::eventual`].
    pub fn effect<'a, S, SF, F, FF>(
        &self,
        target: &str,
        what: &str,
        request: &impl Serialize,
        send: S,
        find: F,
    ) -> EffectCall<'a, S, F>
    where
        S: FnMut(EffectKey) -> SF + Send + 'a,
        SF: Future<Output = Result<Written>> + Send + 'a,
        F: FnMut(EffectKey) -> FF + Send + 'a,
        FF: Future<Output = Result<Option<Written>>> + Send + 'a,
    {
        EffectCall::new(
            self.effect_journal(),
            target,
            what,
            self.key(what),
            request,
            send,
            find,
        )
    }

    /// [`StepContext::effect`] under a key that does not follow from this instance, such as a customer's.
    pub fn effect_with_key<'a, S, SF, F, FF>(
        &self,
        target: &str,
        key: EffectKey,
        request: &impl Serialize,
        send: S,
        find: F,
    ) -> EffectCall<'a, S, F>
    where
        S: FnMut(EffectKey) -> SF + Send + 'a,
        SF: Future<Output = Result<Written>> + Send + 'a,
        F: FnMut(EffectKey) -> FF + Send + 'a,
        FF: Future<Output = Result<Option<Written>>> + Send + 'a,
    {
        let what = key.to_string();
        EffectCall::new(self.effect_journal(), target, &what, key, request, send, find)
    }

    /// Up to 1000 writes at once, each with its own outcome: `items` are what and request, `send_all` gets the places and
    /// keys of those that have to be sent. All are journalled together before, and their results together after.
    ///
    /// Awaited, it fails as a whole while a failure among them is transient and the step has tries left: those that
    /// were applied are not sent again.
    pub fn effects<'a, S, SF, F, FF>(
        &self,
        target: &str,
        items: Vec<(String, Value)>,
        send_all: S,
        find: F,
    ) -> EffectsCall<'a, S, F>
    where
        S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send + 'a,
        SF: Future<Output = Result<Vec<WriteResult>>> + Send + 'a,
        F: FnMut(EffectKey) -> FF + Send + 'a,
        FF: Future<Output = Result<Option<Written>>> + Send + 'a,
    {
        let items = items
            .into_iter()
            .map(|(what, request)| (self.key(&what), what, request))
            .collect();
        EffectsCall::new(self.effect_journal(), target, items, send_all, find)
    }

    /// [`StepContext::effects`] under keys that do not follow from this instance: `items` are key, what and request.
    pub fn effects_with_keys<'a, S, SF, F, FF>(
        &self,
        target: &str,
        items: Vec<(EffectKey, String, Value)>,
        send_all: S,
        find: F,
    ) -> EffectsCall<'a, S, F>
    where
        S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send + 'a,
        SF: Future<Output = Result<Vec<WriteResult>>> + Send + 'a,
        F: FnMut(EffectKey) -> FF + Send + 'a,
        FF: Future<Output = Result<Option<Written>>> + Send + 'a,
    {
        EffectsCall::new(self.effect_journal(), target, items, send_all, find)
    }

    /// Tells a fact when the step is committed.
    pub fn emit(&self, fact: Fact, subject: &str) {
        self.pending
            .tell(fact.kind(), subject, serde_json::to_value(&fact));
    }

    /// Tells an event when the step is committed.
    pub fn emit_event(&self, kind: &str, subject: &str, data: impl Serialize) {
        self.pending.tell(kind, subject, serde_json::to_value(data));
    }

    /// Runs statements on the process's own tables in the transaction that commits the step.
    pub fn on_commit<F>(&self, work: F)
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<()>> + Send + 'static,
    {
        self.pending.with(|leavings| leavings.hooks.push(Box::new(work)));
    }

    /// Reads the database.
    ///
    /// # Errors
    /// The failure of `work`.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.core.db.read(work).await
    }

    /// What a step of this instance has written, by what. An undo finds here also what was written by a try that failed
    /// afterwards and left nothing in the state.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn written_by(&self, step: &str) -> Result<BTreeMap<String, Written>> {
        let (id, step) = (self.work.id, step.to_owned());
        let rows = self.core.db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT what, written FROM engine_effects
                    WHERE instance_id = $1 AND step = $2 AND status = 'applied'";
                tx.all(sql, args![id, step]).await
            })
        });
        rows.await?
            .iter()
            .map(|row| Ok((row.text("what")?, row.json("written")?)))
            .collect()
    }

    /// Whether a step of this instance has written something, or may have: a write whose answer is not known counts.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn may_have_written(&self, step: &str) -> Result<bool> {
        let (id, step) = (self.work.id, step.to_owned());
        let row = self.core.db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) AS effects FROM engine_effects
                    WHERE instance_id = $1 AND step = $2 AND status IN ('sent', 'applied', 'unknown')";
                tx.one(sql, args![id, step]).await
            })
        });
        Ok(row.await?.map_or(Ok(0), |row| row.int("effects"))? > 0)
    }

    /// Opens an exception for one item when the step is committed; the instance goes on. An item that is raised again
    /// keeps its exception.
    pub fn raise(&self, item: ItemException) {
        self.pending.with(|leavings| leavings.raised.push(item));
    }

    /// Says what a failure that the step is about to return is about, such as `role:psa/main:117`: exceptions of one code
    /// and subject form a group.
    #[must_use]
    pub fn about(&self, subject: impl Into<String>, failure: Failure) -> Failure {
        self.pending
            .with(|leavings| leavings.about = Some(subject.into()));
        failure
    }

    /// What a person answered to the exception at this step. An answer that does not read fails the step with
    /// `malformed_answer`, whatever it does then.
    #[must_use]
    pub fn answer<A: DeserializeOwned>(&self) -> Option<A> {
        let answer = self.work.answer.clone()?;
        match serde_json::from_value(answer) {
            Ok(answer) => Some(answer),
            Err(error) => {
                let message = format!("the answer does not say what the step asks for: {error}");
                let failure = Failure::business("malformed_answer", message);
                self.pending.with(|leavings| {
                    leavings.failure.get_or_insert(failure);
                });
                None
            }
        }
    }

    /// Return this as the step's error to run the step again at a time. Nothing of this run is kept but effects.
    #[must_use]
    pub fn wait_until(&self, at: DateTime<Utc>) -> Failure {
        self.pending.with(|leavings| leavings.wake_at = Some(at));
        Failure::transient(WAITING, format!("waits until {at}"))
    }

    fn effect_journal(&self) -> EffectJournal {
        EffectJournal {
            core: Arc::clone(&self.core),
            work: Arc::clone(&self.work),
            last_try: self.last_try,
        }
    }
}

/// The code of the failure that is none.
pub(crate) const WAITING: &str = "step_waits";

/// An id that looks like a UUIDv7 of `at`, whose random bits follow from an id and a name.
pub(crate) fn derived_id(id: CanonicalId, at: DateTime<Utc>, name: &str) -> CanonicalId {
    let digest = Sha256::new()
        .chain_update(id.0.as_bytes())
        .chain_update(name.as_bytes())
        .finalize();
    let mut random = [0_u8; 10];
    random
        .iter_mut()
        .zip(digest.iter())
        .for_each(|(to, from)| *to = *from);
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    CanonicalId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// See [`StepContext::shared_key`], of a process by name.
pub(crate) fn shared_key(process: &str, abbreviation: &str, what: &str) -> EffectKey {
    derived_key(abbreviation, what, &[process, "shared", what])
}

/// `<abbreviation>-<slug>-<24 hex digits>`: readable in the vendor's screens, and fit for every vendor's key field.
fn derived_key(abbreviation: &str, what: &str, parts: &[&str]) -> EffectKey {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let hex: String = hex::encode(digest.finalize()).chars().take(24).collect();
    let key = match slug(what) {
        slug if slug.is_empty() => format!("{abbreviation}-{hex}"),
        slug => format!("{abbreviation}-{slug}-{hex}"),
    };
    #[expect(
        clippy::expect_used,
        reason = "8 + 24 + 24 characters of the key's alphabet by construction"
    )]
    key.parse().expect("a derived key is an effect key")
}

/// Up to 24 lower-case letters, digits and single hyphens.
fn slug(what: &str) -> String {
    let mut slug = String::new();
    for c in what.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 24 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}
