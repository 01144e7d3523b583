//! Resource managers, consultants and project managers: they staff, work, submit and approve in the PSA.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::Addresses;
use super::client::{FirmError, send, text};

const SYSTEM: &str = "Kantata";

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

    /// The project whose custom field or title holds `needle`.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn find_project(&self, title: &str) -> Result<Option<Value>, FirmError> {
        let projects = self.list("workspaces", &[("include_archived", "true")]).await?;
        Ok(projects
            .into_iter()
            .find(|p| p.get("title").and_then(Value::as_str) == Some(title)))
    }

    /// Approves the open staffing requests of a project: the first person of each role that `choose` names takes the seat.
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
        let requests = self.list("resource_requests", &[]).await?;
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

    /// Books time, submits it as one timesheet for each person, and approves it. Returns the ids of the entries.
    ///
    /// # Errors
    /// The PSA refuses or does not answer.
    pub async fn work(&self, workspace_id: &str, hours: &[Hours]) -> Result<Vec<String>, FirmError> {
        let entries = self.log_time(workspace_id, hours).await?;
        let mut people: Vec<&str> = hours.iter().map(|h| h.person.as_str()).collect();
        people.sort_unstable();
        people.dedup();
        for person in people {
            let own = hours
                .iter()
                .zip(&entries)
                .filter(|(h, _)| h.person == person)
                .map(|(_, id)| id.clone())
                .collect::<Vec<_>>();
            self.submit_and_approve("timesheet_submission", "line_item_ids", workspace_id, &own)
                .await?;
        }
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
        self.submit_and_approve("expense_report_submission", "expense_ids", workspace_id, &ids)
            .await?;
        Ok(ids)
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
