//! Resource managers, consultants and project managers: they staff, work, submit and approve in the PSA.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::Addresses;
use super::client::{FirmError, send, text};

const SYSTEM: &str = "Kantata";
/// The account's custom field of the firm's project code.
const CODE_FIELD: &str = "Project Code";

/// Time of one person on one day.
#[derive(Debug, Clone)]
pub struct Hours {
    /// E-mail address of the person.
    pub person: String,
    /// Title of the task; absent = on no task.
    pub task: Option<String>,
    /// The role.
    pub role: String,
    /// The day.
    pub date: NaiveDate,
    /// How long.
    pub minutes: i64,
    /// Price of an hour in subunits of the project's currency.
    pub rate_in_cents: Option<i64>,
    /// What was done.
    pub notes: String,
}

/// An expense of one person.
#[derive(Debug, Clone)]
pub struct Expenditure {
    /// E-mail address of the person.
    pub person: String,
    /// The day.
    pub date: NaiveDate,
    /// Kind of expense.
    pub category: String,
    /// Amount in subunits of the project's currency.
    pub amount_in_cents: i64,
    /// What for.
    pub notes: String,
}

/// The people who deliver.
pub struct Delivery {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

impl Delivery {
    pub(super) fn new(http: reqwest::Client, addresses: &Addresses) -> Self {
        Self {
            http,
            base_url: addresses.kantata.clone(),
            token: addresses.credentials.kantata_token.clone(),
        }
    }

    /// Records of a collection, by filters; in the order in which the PSA gives them.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn list(&self, collection: &str, filters: &[(&str, &str)]) -> Result<Vec<Value>, FirmError> {
        let mut found = Vec::new();
        for page in 1.. {
            let url = format!("{}/api/v1/{collection}", self.base_url);
            let paging = [("page", page.to_string()), ("per_page", "200".to_owned())];
            let request = self
                .http
                .get(url)
                .query(filters)
                .query(&paging)
                .bearer_auth(&self.token);
            let body = send(SYSTEM, collection, request).await?.body;
            let results = body
                .pointer("/results")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            for result in &results {
                let (key, id) = (text(SYSTEM, result, "/key")?, text(SYSTEM, result, "/id")?);
                if let Some(record) = body.get(&key).and_then(|records| records.get(&id)) {
                    found.push(record.clone());
                }
            }
            let pages = body
                .pointer("/meta/page_count")
                .and_then(Value::as_u64)
                .unwrap_or(0);
            if page >= pages {
                break;
            }
        }
        Ok(found)
    }

    /// The project of a title or of a project code.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn find_project(&self, needle: &str) -> Result<Option<Value>, FirmError> {
        let filters = [("include_archived", "true")];
        let projects = self.list("workspaces", &filters).await?;
        let titled = projects
            .into_iter()
            .find(|p| p.get("title").and_then(Value::as_str) == Some(needle));
        if titled.is_some() {
            return Ok(titled);
        }
        let fields = self
            .list("custom_fields", &[("subject_type", "Workspace")])
            .await?;
        let code = fields
            .iter()
            .find(|f| f.get("name").and_then(Value::as_str) == Some(CODE_FIELD));
        let Some(code) = code else { return Ok(None) };
        let by_code = format!("{}:{needle}", text(SYSTEM, code, "/id")?);
        let filters = [("include_archived", "true"), ("by_custom_text_value", &by_code)];
        Ok(self.list("workspaces", &filters).await?.into_iter().next())
    }

    /// Approves the open staffing requests of a project: the person whom `choose` names for the role takes the seat, and
    /// its allocations are confirmed. Requests for a role without a person stay open. Returns how many were approved.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn staff(
        &self,
        workspace_id: &str,
        choose: impl Fn(&str) -> Option<String>,
    ) -> Result<usize, FirmError> {
        let roles = self.names("roles", "name").await?;
        let people = self.names("users", "email_address").await?;
        let filter = [("workspace_id", workspace_id), ("include_unnamed", "true")];
        let seats = self.list("workspace_resources", &filter).await?;
        let open = [("pending_requests_only", "true")];
        let requests = self.list("resource_requests", &open).await?;
        let mut placed = 0;
        for request in requests {
            let (id, seat_id) = (
                text(SYSTEM, &request, "/id")?,
                text(SYSTEM, &request, "/resource_id")?,
            );
            let Some(seat) = seats
                .iter()
                .find(|s| text(SYSTEM, s, "/id").is_ok_and(|i| i == seat_id))
            else {
                continue;
            };
            if !seat.get("user_id").is_none_or(Value::is_null) {
                continue;
            }
            let role_id = text(SYSTEM, seat, "/role_id")?;
            let role = roles
                .iter()
                .find(|(known, _)| *known == role_id)
                .map(|(_, name)| name.as_str())
                .unwrap_or_default();
            let Some(person) = choose(role) else { continue };
            let user_id = id_of(&people, &person)?;
            let body = json!({"resource_request": {
                "request_resolution_status": "approve", "user_id": user_id, "allocations_state": "hard"}});
            self.put(&format!("resource_requests/{id}"), &body).await?;
            placed += 1;
        }
        Ok(placed)
    }

    /// Confirms the allocations of a project that are pencilled in for somebody. Returns how many.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn confirm(&self, workspace_id: &str) -> Result<usize, FirmError> {
        let filter = [("workspace_id", workspace_id), ("hard", "false")];
        let allocations = self.list("workspace_allocations", &filter).await?;
        let seats = self
            .list("workspace_resources", &[("workspace_id", workspace_id)])
            .await?;
        let mut confirmed = 0;
        for allocation in allocations {
            let seat = allocation.get("workspace_resource_id");
            if seats.iter().any(|s| s.get("id") == seat) {
                let id = text(SYSTEM, &allocation, "/id")?;
                self.put(
                    &format!("workspace_allocations/{id}"),
                    &json!({"workspace_allocation": {"hard": true}}),
                )
                .await?;
                confirmed += 1;
            }
        }
        Ok(confirmed)
    }

    /// Books time, submits it as one timesheet for each person, and approves it. Returns the ids of the entries.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn work(&self, workspace_id: &str, hours: &[Hours]) -> Result<Vec<String>, FirmError> {
        let entries = self.log_time(workspace_id, hours).await?;
        let people = hours.iter().map(|h| h.person.as_str());
        self.approve_each(
            "timesheet_submission",
            "line_item_ids",
            workspace_id,
            people,
            &entries,
        )
        .await?;
        Ok(entries)
    }

    /// Books time without submitting it. Returns the ids of the entries.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn log_time(&self, workspace_id: &str, hours: &[Hours]) -> Result<Vec<String>, FirmError> {
        let people = self.names("users", "email_address").await?;
        let roles = self.names("roles", "name").await?;
        let tasks = self.list("stories", &[("workspace_id", workspace_id)]).await?;
        let mut ids = Vec::new();
        for part in hours.chunks(100) {
            let mut entries = Vec::new();
            for h in part {
                let mut entry = json!({
                    "workspace_id": workspace_id, "user_id": id_of(&people, &h.person)?, "role_id": id_of(&roles, &h.role)?,
                    "date_performed": h.date, "time_in_minutes": h.minutes, "billable": true, "notes": h.notes});
                let task = tasks.iter().find(|t| {
                    h.task.is_some() && t.get("title").and_then(Value::as_str) == h.task.as_deref()
                });
                set(&mut entry, "story_id", task.and_then(|t| t.get("id")).cloned());
                set(&mut entry, "rate_in_cents", h.rate_in_cents.map(Value::from));
                entries.push(entry);
            }
            ids.extend(self.create_all("time_entries", entries).await?);
        }
        Ok(ids)
    }

    /// Books expenses, submits and approves them. Returns their ids.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn spend(&self, workspace_id: &str, spent: &[Expenditure]) -> Result<Vec<String>, FirmError> {
        let people = self.names("users", "email_address").await?;
        let mut expenses = Vec::new();
        for e in spent {
            expenses.push(json!({
                "workspace_id": workspace_id, "user_id": id_of(&people, &e.person)?, "date": e.date, "category": e.category,
                "amount_in_cents": e.amount_in_cents, "billable": true, "reimbursable": true, "notes": e.notes}));
        }
        let ids = self.create_all("expenses", expenses).await?;
        let people = spent.iter().map(|e| e.person.as_str());
        self.approve_each(
            "expense_report_submission",
            "expense_ids",
            workspace_id,
            people,
            &ids,
        )
        .await?;
        Ok(ids)
    }

    /// Submits and approves lines, those of each person together: a submission is one person's.
    async fn approve_each<'p>(
        &self,
        kind: &str,
        ids_field: &str,
        workspace_id: &str,
        people: impl Iterator<Item = &'p str>,
        ids: &[String],
    ) -> Result<(), FirmError> {
        let mut by_person: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (person, id) in people.zip(ids) {
            by_person.entry(person).or_default().push(id.clone());
        }
        for own in by_person.values() {
            self.submit_and_approve(kind, ids_field, workspace_id, own)
                .await?;
        }
        Ok(())
    }

    /// Submits entries and approves the submission. Returns its id.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn submit_and_approve(
        &self,
        kind: &str,
        ids_field: &str,
        workspace_id: &str,
        ids: &[String],
    ) -> Result<String, FirmError> {
        let mut fields = Map::new();
        fields.insert("title".to_owned(), json!("Week"));
        fields.insert("workspace_id".to_owned(), json!(workspace_id));
        fields.insert(ids_field.to_owned(), json!(ids));
        let mut body = Map::new();
        body.insert(kind.to_owned(), Value::Object(fields));
        let created = self.post(&format!("{kind}s"), &Value::Object(body)).await?;
        let id = text(SYSTEM, &created, "/results/0/id")?;
        self.put(
            &format!("{kind}s/{id}/approve"),
            &json!({"resolution": {"description": "approved"}}),
        )
        .await?;
        Ok(id)
    }

    /// Takes back the approval of these time entries or expenses (`time_entries` or `expenses`) by rejecting the
    /// submissions that they are on. Returns the ids of the submissions.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn withdraw_approval(
        &self,
        lines: &str,
        ids: &[String],
        reason: &str,
    ) -> Result<Vec<String>, FirmError> {
        let kind = if lines == "expenses" {
            "expense_report_submissions"
        } else {
            "timesheet_submissions"
        };
        let mut submissions = Vec::new();
        for part in ids.chunks(100) {
            let only = part.join(",");
            let filters = [("only", only.as_str()), ("include", "active_submission")];
            for line in self.list(lines, &filters).await? {
                let id = line.get("active_submission_id").and_then(Value::as_str);
                submissions.extend(id.map(str::to_owned));
            }
        }
        submissions.sort_unstable();
        submissions.dedup();
        for id in &submissions {
            self.put(
                &format!("{kind}/{id}/reject"),
                &json!({"resolution": {"description": reason}}),
            )
            .await?;
        }
        Ok(submissions)
    }

    /// Completes the task or milestone of a title.
    ///
    /// # Errors
    /// The PSA refuses or does not answer, or there is none of that title.
    pub async fn complete(&self, workspace_id: &str, title: &str) -> Result<(), FirmError> {
        let stories = self.list("stories", &[("workspace_id", workspace_id)]).await?;
        let story = stories
            .iter()
            .find(|s| s.get("title").and_then(Value::as_str) == Some(title));
        let story = story.ok_or_else(|| FirmError::Missing {
            system: SYSTEM,
            what: title.to_owned(),
        })?;
        let id = text(SYSTEM, story, "/id")?;
        self.put(
            &format!("stories/{id}"),
            &json!({"story": {"state": "completed", "percentage_complete": 100}}),
        )
        .await
        .map(drop)
    }

    async fn names(&self, collection: &str, field: &str) -> Result<Vec<(String, String)>, FirmError> {
        let records = self.list(collection, &[]).await?;
        records
            .iter()
            .map(|r| Ok((text(SYSTEM, r, "/id")?, text(SYSTEM, r, &format!("/{field}"))?)))
            .collect()
    }

    async fn create_all(&self, collection: &str, records: Vec<Value>) -> Result<Vec<String>, FirmError> {
        let mut body = Map::new();
        body.insert(collection.to_owned(), Value::Array(records));
        let answer = self.post(collection, &Value::Object(body)).await?;
        let results = answer
            .pointer("/results")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        results.iter().map(|r| text(SYSTEM, r, "/id")).collect()
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, FirmError> {
        let request = self
            .http
            .post(format!("{}/api/v1/{path}", self.base_url))
            .bearer_auth(&self.token)
            .json(body);
        Ok(send(SYSTEM, path, request).await?.body)
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value, FirmError> {
        let request = self
            .http
            .put(format!("{}/api/v1/{path}", self.base_url))
            .bearer_auth(&self.token)
            .json(body);
        Ok(send(SYSTEM, path, request).await?.body)
    }
}

fn id_of(names: &[(String, String)], name: &str) -> Result<String, FirmError> {
    let found = names
        .iter()
        .find(|(_, known)| known == name)
        .map(|(id, _)| id.clone());
    found.ok_or_else(|| FirmError::Missing {
        system: SYSTEM,
        what: name.to_owned(),
    })
}

fn set(record: &mut Value, field: &str, value: Option<Value>) {
    if let (Some(map), Some(value)) = (record.as_object_mut(), value) {
        map.insert(field.to_owned(), value);
    }
}
