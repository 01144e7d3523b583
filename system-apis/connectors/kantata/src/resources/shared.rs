//! What all collections of one connection share: the client, and records that several nouns need.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{Failure, Result};
use tokio::sync::Mutex;

use super::{KeyField, params};
use crate::client::{Client, Params};
use crate::settings::Settings;
use crate::wire::Envelope;

/// What all collections of one connection share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    /// Choices of custom fields: id by label in small letters.
    choices: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Shared {
    pub(crate) fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        Ok(Self {
            client: Client::connect(connection, settings)?,
            settings: settings.clone(),
            choices: Mutex::default(),
        })
    }

    /// Does, reading only, what the connector does.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.client.me().await?;
        let one = params(&[("per_page", "1"), ("page", "1")]);
        self.client.get("workspaces", &one, "checking projects").await?;
        if self.settings.subscribed_events {
            self.client
                .get("subscribed_events", &one, "checking events")
                .await?;
        }
        Ok(())
    }

    /// Loads records beside those that were found.
    pub(crate) async fn load(
        &self,
        envelope: &mut Envelope,
        path: &'static str,
        ids: BTreeSet<String>,
        params: Params,
    ) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let what = format!("reading {path}");
        let found = self.client.only(path, &ids, &params, &what).await?;
        envelope.take_along(found);
        Ok(())
    }

    /// Loads projects with their custom fields.
    pub(crate) async fn load_projects(&self, envelope: &mut Envelope, ids: BTreeSet<String>) -> Result<()> {
        let all = params(&[("include_archived", "true"), ("include", "custom_field_values")]);
        self.load(envelope, "workspaces", ids, all).await
    }

    pub(crate) async fn load_people(&self, envelope: &mut Envelope, ids: BTreeSet<String>) -> Result<()> {
        self.load(envelope, "users", ids, Vec::new()).await
    }

    pub(crate) async fn load_roles(&self, envelope: &mut Envelope, ids: BTreeSet<String>) -> Result<()> {
        self.load(envelope, "roles", ids, Vec::new()).await
    }

    /// Loads seats with their custom fields, and who and what they are for.
    pub(crate) async fn load_seats(&self, envelope: &mut Envelope, ids: BTreeSet<String>) -> Result<()> {
        let named: Vec<String> = ids.iter().cloned().collect();
        let all = params(&[("include_unnamed", "true"), ("include", "custom_field_values")]);
        self.load(envelope, "workspace_resources", ids, all).await?;
        let people = envelope.ids_in("workspace_resources", &named, "user_id");
        let roles = envelope.ids_in("workspace_resources", &named, "role_id");
        let projects = envelope.ids_in("workspace_resources", &named, "workspace_id");
        self.load_people(envelope, people).await?;
        self.load_roles(envelope, roles).await?;
        self.load_projects(envelope, projects).await
    }

    /// Ids of the subjects whose custom field holds a text. Projects can be filtered by it; of other subjects the values
    /// themselves are read, the newest first, because a look-up mostly follows a write.
    pub(crate) async fn ids_with(&self, key: &KeyField<'_>, text: &str) -> Result<BTreeSet<String>> {
        let what = format!("looking up {text:?}");
        let filterable = !text.contains([':', '(', ')', ',']);
        if key.subject == "Workspace" && filterable {
            let asked = vec![
                ("by_custom_text_value", format!("({}:{text})", key.field)),
                ("include_archived", "true".to_owned()),
                ("include", "custom_field_values".to_owned()),
            ];
            let found = self.client.pages("workspaces", &asked, &what, |_| false).await?;
            let holds = |id: &&String| {
                let record = found.get("workspaces", id);
                record.and_then(|r| found.custom_text(r, key.field)).as_deref() == Some(text)
            };
            return Ok(found.results.iter().filter(holds).cloned().collect());
        }
        let asked = vec![
            ("subject_type", key.subject.to_owned()),
            ("with_custom_field_id", key.field.to_owned()),
            ("order", "created_at:desc".to_owned()),
        ];
        let holding = |envelope: &Envelope| -> BTreeSet<String> {
            let values = envelope.all("custom_field_values").filter(|value| {
                value.text("custom_field_id").as_deref() == Some(key.field)
                    && value.text("value").as_deref() == Some(text)
            });
            values.filter_map(|value| value.text("subject_id")).collect()
        };
        let enough = |envelope: &Envelope| !holding(envelope).is_empty();
        let found = self
            .client
            .pages("custom_field_values", &asked, &what, enough)
            .await?;
        Ok(holding(&found))
    }

    /// Id of a custom field's choice by its label, or by its id.
    pub(crate) async fn choice(&self, field: &str, wanted: &str, what: &str) -> Result<String> {
        let mut known = self.choices.lock().await;
        let label = wanted.trim().to_lowercase();
        if let Some(id) = known.get(field).and_then(|choices| choices.get(&label)) {
            return Ok(id.clone());
        }
        let asked = params(&[("for_custom_fields", field)]);
        let found = self
            .client
            .pages("custom_field_choices", &asked, "reading choices", |_| false)
            .await?;
        let mut choices = BTreeMap::new();
        for choice in found.all("custom_field_choices") {
            if choice.text("custom_field_id").as_deref() == Some(field) {
                let id = choice.id()?;
                choices.insert(choice.needed_text("label")?.to_lowercase(), id.clone());
                choices.insert(id.clone(), id);
            }
        }
        let id = choices.get(&label).cloned();
        known.insert(field.to_owned(), choices);
        id.ok_or_else(|| {
            let message = format!("{what} {wanted:?} is no choice of custom field {field} in Kantata");
            Failure::business("choice_not_found", message)
        })
    }

    /// Id of the rate card in a currency: by its own id, by the id of its set or by the set's title.
    pub(crate) async fn rate_card(&self, wanted: &str, currency: &str) -> Result<String> {
        let asked = params(&[("include", "rate_card_set")]);
        let found = self
            .client
            .pages("rate_cards", &asked, "reading rate cards", |_| false)
            .await?;
        for id in &found.results {
            let card = found.found("rate_cards", id)?;
            let set = found.follow(card, "rate_card_set_id", "rate_card_sets");
            let title = set.and_then(|set| set.text("title"));
            let named = id == wanted
                || card.text("rate_card_set_id").as_deref() == Some(wanted)
                || title.is_some_and(|title| super::same_text(&title, wanted));
            if named && card.text("currency").as_deref() == Some(currency) {
                return Ok(id.clone());
            }
        }
        let message = format!("there is no rate card {wanted:?} in {currency} in Kantata");
        Err(Failure::business("rate_card_not_found", message))
    }
}
