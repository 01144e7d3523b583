//! Reading the sides: page by page for a comparison, one source for a second look.

use std::collections::HashMap;

use canonical_model::{
    ApprovalState, Expense, FindBy, JournalLine, ListQuery, MappingDomain, Minutes, Page, Period, Project,
    ReconciliationScope, Resource, Result, SourceKind, Sourced, TimeEntry, TranslationQuestion,
};
use chrono::NaiveDate;
use persistence::{Database, args};
use process_client::TimeToInvoiceClient;
use system_client::{Filter, Remote, SystemClient};

use super::compare::{Held, Item};
use super::settings::ReconciliationSettings;
use crate::mappings;

/// A working day of rates per day, as time-to-invoice counts it.
const WORKING_DAY: Minutes = Minutes::new(8 * 60);

/// The sides.
#[derive(Clone)]
pub(crate) struct Sides {
    pub(crate) erp: SystemClient,
    pub(crate) psa: SystemClient,
    pub(crate) journal: TimeToInvoiceClient,
    pub(crate) database: Database,
    pub(crate) settings: ReconciliationSettings,
}

/// A kind of work that is compared.
pub(crate) trait Work: Resource {
    /// Which.
    const KIND: SourceKind;

    /// Where its approval stands.
    fn approval(&self) -> ApprovalState;

    /// Id of its project.
    fn project(&self) -> &str;

    /// What is compared of it.
    fn held(record: &Sourced<Self>, connection: &str) -> Held;
}

impl Work for TimeEntry {
    const KIND: SourceKind = SourceKind::TimeEntry;

    fn approval(&self) -> ApprovalState {
        self.approval
    }

    fn project(&self) -> &str {
        &self.project.id
    }

    fn held(record: &Sourced<Self>, connection: &str) -> Held {
        let entry = &record.data;
        let rate = entry.rate.filter(|_| entry.billable);
        Held {
            record: format!("{connection}/{}", record.id),
            project: entry.project.id.clone(),
            person: entry.person.label.as_ref().unwrap_or(&entry.person.id).clone(),
            date: entry.date,
            minutes: entry.minutes,
            value: rate.and_then(|rate| rate.price(entry.minutes, WORKING_DAY).ok()),
            effect_key: record.effect_key.clone(),
        }
    }
}

impl Work for Expense {
    const KIND: SourceKind = SourceKind::Expense;

    fn approval(&self) -> ApprovalState {
        self.approval
    }

    fn project(&self) -> &str {
        &self.project.id
    }

    fn held(record: &Sourced<Self>, connection: &str) -> Held {
        let expense = &record.data;
        let amount = expense.amount.rounded(canonical_model::Rounding::HalfUp);
        Held {
            record: format!("{connection}/{}", record.id),
            project: expense.project.id.clone(),
            person: expense
                .person
                .label
                .as_ref()
                .unwrap_or(&expense.person.id)
                .clone(),
            date: expense.date,
            minutes: Minutes::default(),
            value: Some(amount).filter(|_| expense.billable),
            effect_key: record.effect_key.clone(),
        }
    }
}

/// A page of one side.
pub(crate) struct Part {
    /// What is compared, each with its project's place.
    pub(crate) held: Vec<(Held, Place)>,
    /// How many records are on projects that are not compared.
    pub(crate) outside: u64,
    /// Where the next page begins.
    pub(crate) next_cursor: Option<String>,
}

/// Where a record belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) project_code: String,
    pub(crate) legal_entity: String,
    pub(crate) region: String,
    pub(crate) period: String,
}

/// A project of the firm in its systems.
#[derive(Debug, Clone, Default)]
struct Known {
    code: String,
    legal_entity: String,
    region: String,
    /// Its connection and id in the PSA.
    psa: Option<String>,
    /// Its connection and id in an ERP.
    erp: Option<String>,
}

/// The projects of PSA and ERPs, and the periods of the books. They are few beside their entries.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    projects: Vec<Known>,
    by_record: HashMap<String, usize>,
    periods: HashMap<String, Vec<Period>>,
}

impl Frame {
    /// The days of a period, by its name in one of the books.
    pub(crate) fn days_of(&self, period: &str) -> Option<(NaiveDate, NaiveDate)> {
        let mut all = self.periods.values().flatten();
        let found = all.find(|known| known.name.eq_ignore_ascii_case(period.trim()))?;
        Some((found.start_date, found.end_date))
    }

    /// Where work on a project of a connection belongs. A project that the PSA has and nobody described is known by its
    /// id; of the ERP's, only those that the PSA has too are compared.
    pub(crate) fn place(&self, connection: &str, project: &str, date: NaiveDate) -> Option<Place> {
        let record = format!("{connection}/{project}");
        let known = self.by_record.get(&record).and_then(|n| self.projects.get(*n));
        let in_psa = connection.starts_with("psa/");
        if !in_psa && known.is_none_or(|known| known.psa.is_none()) {
            return None;
        }
        let unknown = Known {
            code: record,
            ..Known::default()
        };
        let known = known.unwrap_or(&unknown);
        let books = known
            .erp
            .as_deref()
            .and_then(|erp| erp.rsplit_once('/'))
            .map(|(c, _)| c);
        Some(Place {
            project_code: known.code.clone(),
            legal_entity: known.legal_entity.clone(),
            region: known.region.clone(),
            period: self.period(books.unwrap_or_default(), date),
        })
    }

    /// The shortest period that holds a day: books have quarters and years beside months.
    fn period(&self, books: &str, date: NaiveDate) -> String {
        let holds = |period: &&Period| period.start_date <= date && date <= period.end_date;
        let periods = self.periods.get(books).into_iter().flatten().filter(holds);
        let shortest = periods.min_by_key(|period| period.end_date - period.start_date);
        shortest.map_or_else(|| date.format("%Y-%m").to_string(), |period| period.name.clone())
    }

    /// Ids of a project in a connection, to narrow a listing to it.
    fn id_in(&self, connection: &str, code: &str) -> Option<String> {
        let of_code = self.projects.iter().find(|known| known.code == code)?;
        let record = if connection.starts_with("psa/") {
            of_code.psa.as_ref()
        } else {
            of_code.erp.as_ref()
        };
        let (own, id) = record?.rsplit_once('/')?;
        (own == connection).then(|| id.to_owned())
    }

    fn add(&mut self, known: Known) {
        let place = self.projects.len();
        for record in known.psa.iter().chain(known.erp.iter()) {
            self.by_record.insert(record.clone(), place);
        }
        self.projects.push(known);
    }

    /// Says that a project of the PSA is one of an ERP that is known already.
    fn join(&mut self, place: usize, psa: String) {
        if let Some(known) = self.projects.get_mut(place) {
            known.psa = Some(psa.clone());
            self.by_record.insert(psa, place);
        }
    }
}

/// Whether a place is within what is compared.
pub(crate) fn covers(scope: &ReconciliationScope, place: &Place) -> bool {
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
    is(&scope.legal_entity, &place.legal_entity)
        && is(&scope.region, &place.region)
        && is(&scope.project_code, &place.project_code)
}

impl Sides {
    /// The connection of the PSA, such as `psa/main`.
    pub(crate) fn psa_connection(&self) -> String {
        format!("psa/{}", self.settings.psa)
    }

    /// The connections of the ERPs.
    pub(crate) fn erp_connections(&self) -> Vec<String> {
        self.settings
            .erp
            .iter()
            .map(|name| format!("erp/{name}"))
            .collect()
    }

    fn collection<T: Resource>(&self, connection: &str) -> Remote<T> {
        match connection.split_once('/') {
            Some(("psa", name)) => self.psa.collection(name),
            Some((_, name)) => self.erp.collection(name),
            None => self.erp.collection(connection),
        }
    }

    /// Projects and periods as they are now.
    pub(crate) async fn frame(&self) -> Result<Frame> {
        let mut frame = Frame::default();
        let references = self.project_references().await?;
        let mut by_code: HashMap<String, usize> = HashMap::new();
        let mut by_id: HashMap<String, usize> = HashMap::new();
        for connection in self.erp_connections() {
            let periods = self.collection::<Period>(&connection);
            let periods = periods.list_all(&ListQuery::default()).await?;
            frame
                .periods
                .insert(connection.clone(), periods.into_iter().map(|p| p.data).collect());
            for project in self.projects(&connection).await? {
                let place = frame.projects.len();
                let erp = project.erp.clone().unwrap_or_default();
                by_code.insert(project.code.clone(), place);
                if let Some(id) = references.get(&erp) {
                    by_id.insert(id.clone(), place);
                }
                frame.add(project);
            }
        }
        for project in self.projects(&self.psa_connection()).await? {
            let psa = project.psa.clone().unwrap_or_default();
            let tied = references.get(&psa).and_then(|id| by_id.get(id));
            match tied.or_else(|| by_code.get(&project.code)) {
                Some(place) => frame.join(*place, psa),
                None => frame.add(project),
            }
        }
        Ok(frame)
    }

    /// The projects of one connection, with what their legal entities and regions stand for.
    async fn projects(&self, connection: &str) -> Result<Vec<Known>> {
        let all = self
            .collection::<Project>(connection)
            .list_all(&ListQuery::default())
            .await?;
        let question = |domain, value: Option<&str>| TranslationQuestion {
            domain,
            from: Some(connection.to_owned()),
            value: value.unwrap_or_default().to_owned(),
            to: None,
        };
        let mut questions = Vec::with_capacity(all.len() * 2);
        for project in &all {
            let entity = project
                .data
                .legal_entity
                .as_ref()
                .map(|entity| entity.id.as_str());
            questions.push(question(MappingDomain::LegalEntity, entity));
            questions.push(question(MappingDomain::Region, project.data.region.as_deref()));
        }
        let meanings = self
            .database
            .read(move |tx| Box::pin(async move { mappings::translate(tx, &questions).await }))
            .await?;
        let mut meanings = meanings.into_iter().map(|meaning| meaning.code);
        let known = all.into_iter().map(|project| {
            let (entity, region) = (meanings.next().flatten(), meanings.next().flatten());
            let record = Some(format!("{connection}/{}", project.id));
            let in_psa = connection.starts_with("psa/");
            Known {
                code: project.data.code,
                legal_entity: entity.unwrap_or_default(),
                region: region.or(project.data.region).unwrap_or_default(),
                psa: record.clone().filter(|_| in_psa),
                erp: record.filter(|_| !in_psa),
            }
        });
        Ok(known.collect())
    }

    /// Connection and id of every project that is tied to another, with what ties it.
    async fn project_references(&self) -> Result<HashMap<String, String>> {
        self.database
            .read(|tx| {
                Box::pin(async move {
                    let rows = tx
                        .all(
                            "SELECT connection, id, canonical_id FROM cross_references WHERE resource = $1",
                            args!["project"],
                        )
                        .await?;
                    let pair = |row: &persistence::Row| {
                        let record = format!("{}/{}", row.text("connection")?, row.text("id")?);
                        Ok((record, row.text("canonical_id")?))
                    };
                    rows.iter().map(pair).collect()
                })
            })
            .await
    }

    /// One page of a collection within a scope. What is out of the scope is left out.
    pub(crate) async fn page<T: Work>(
        &self,
        connection: &str,
        scope: &ReconciliationScope,
        frame: &Frame,
        cursor: Option<&str>,
    ) -> Result<Part> {
        let in_psa = connection.starts_with("psa/");
        let remote = self.collection::<T>(connection);
        let applies = self.filters::<T>(connection).await?;
        let code = scope.project_code.as_deref();
        let project = code.and_then(|code| frame.id_in(connection, code));
        if code.is_some() && project.is_none() {
            return Ok(Part {
                held: Vec::new(),
                outside: 0,
                next_cursor: None,
            });
        }
        let query = ListQuery {
            cursor: cursor.map(str::to_owned),
            limit: Some(self.settings.page),
            project: project.filter(|_| applies.contains(&Filter::Project)),
            state: (in_psa && applies.contains(&Filter::State)).then(|| "approved".to_owned()),
            date_from: scope.from.filter(|_| applies.contains(&Filter::Date)),
            date_to: scope.to.filter(|_| applies.contains(&Filter::Date)),
            ..ListQuery::default()
        };
        let Page { items, next_cursor } = remote.list(&query).await?;
        let (mut held, mut outside) = (Vec::with_capacity(items.len()), 0);
        for record in &items {
            if in_psa && record.data.approval() != ApprovalState::Approved {
                continue;
            }
            let own = T::held(record, connection);
            let within =
                scope.from.is_none_or(|from| from <= own.date) && scope.to.is_none_or(|to| own.date <= to);
            if !within {
                continue;
            }
            match frame.place(connection, record.data.project(), own.date) {
                Some(place) if covers(scope, &place) => held.push((own, place)),
                Some(_) => {}
                None => outside += 1,
            }
        }
        Ok(Part {
            held,
            outside,
            next_cursor: next_cursor.filter(|next| Some(next.as_str()) != cursor),
        })
    }

    async fn filters<T: Resource>(&self, connection: &str) -> Result<Vec<Filter>> {
        let (client, name) = match connection.split_once('/') {
            Some(("psa", name)) => (&self.psa, name),
            Some((_, name)) => (&self.erp, name),
            None => (&self.erp, connection),
        };
        let detail = client.connection(name).await?;
        let mut collections = detail.capabilities.collections.into_iter();
        let own = collections.find(|own| own.collection == T::PATH);
        Ok(own.map(|own| own.support.filters).unwrap_or_default())
    }

    /// One source, or one record of the ERP, as every side has it now.
    pub(crate) async fn look_again(&self, item: &Item) -> Result<Item> {
        match item.kind {
            SourceKind::Expense => self.look::<Expense>(item).await,
            _ => self.look::<TimeEntry>(item).await,
        }
    }

    async fn look<T: Work>(&self, item: &Item) -> Result<Item> {
        let mut fresh = Item::empty(item.kind);
        let mut source = item.source().map(str::to_owned);
        if source.is_none() {
            for held in &item.erp {
                let lines = self.journal.journal_of_posting(&held.record).await?;
                source = lines
                    .into_iter()
                    .find(|line| line.kind == item.kind)
                    .map(|l| l.source);
                if source.is_some() {
                    break;
                }
            }
        }
        if let Some(source) = &source {
            fresh.lines = self.journal.journal_of_source(source).await?;
            fresh.lines.retain(|line| line.kind == item.kind);
            fresh.psa = self
                .read::<T>(source)
                .await?
                .filter(|record| record.data.approval() == ApprovalState::Approved)
                .map(|record| T::held(&record, &self.psa_connection()));
        }
        let mut records: Vec<String> = item.erp.iter().map(|held| held.record.clone()).collect();
        for posting in fresh.lines.iter().filter_map(|line| line.posting.as_ref()) {
            if !records.contains(posting) {
                records.push(posting.clone());
            }
        }
        for record in records {
            if let Some(found) = self.read::<T>(&record).await? {
                let connection = record.rsplit_once('/').map_or("", |(connection, _)| connection);
                fresh.erp.push(T::held(&found, connection));
            }
        }
        self.find_entered_again::<T>(&mut fresh).await?;
        fresh.drop_values_that_were_not_posted();
        Ok(fresh)
    }

    /// A posting that is not under its id any more may stand under its key.
    async fn find_entered_again<T: Work>(&self, item: &mut Item) -> Result<()> {
        let missing = |line: &&JournalLine| line.posting.is_some() && item.posted_as(line).is_none();
        let missing: Vec<JournalLine> = item.lines.iter().filter(missing).cloned().collect();
        for line in missing {
            let (Some(key), Some(posting)) = (&line.effect_key, &line.posting) else {
                continue;
            };
            let connection = posting.rsplit_once('/').map_or("", |(connection, _)| connection);
            let found = self
                .collection::<T>(connection)
                .find(FindBy::EffectKey, key.as_str())
                .await?;
            item.erp
                .extend(found.iter().map(|record| T::held(record, connection)));
        }
        Ok(())
    }

    /// A record by connection and id; none where it is gone.
    async fn read<T: Work>(&self, record: &str) -> Result<Option<Sourced<T>>> {
        let Some((connection, id)) = record.rsplit_once('/') else {
            return Ok(None);
        };
        match self.collection::<T>(connection).read(id).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.code == "not_found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::PeriodState;

    #[test]
    fn work_belongs_to_the_shortest_period_and_only_to_projects_that_both_have() {
        let period = |name: &str, from: &str, to: &str| Period {
            name: name.to_owned(),
            start_date: from.parse().unwrap(),
            end_date: to.parse().unwrap(),
            state: PeriodState::Open,
        };
        let mut frame = Frame::default();
        let books = vec![
            period("FY 2026", "2026-01-01", "2026-12-31"),
            period("Nov 2026", "2026-11-01", "2026-11-30"),
        ];
        frame.periods.insert("erp/main".to_owned(), books);
        frame.add(Known {
            code: "HEL-1".to_owned(),
            legal_entity: "de".to_owned(),
            region: "EMEA".to_owned(),
            psa: None,
            erp: Some("erp/main/900".to_owned()),
        });
        let day = "2026-11-03".parse().unwrap();
        assert_eq!(frame.place("erp/main", "900", day), None);
        frame.join(0, "psa/main/31".to_owned());
        let place = frame.place("erp/main", "900", day).unwrap();
        assert_eq!(
            (place.project_code.as_str(), place.period.as_str()),
            ("HEL-1", "Nov 2026")
        );
        assert_eq!(frame.place("psa/main", "31", day), Some(place));
        let foreign = frame.place("psa/main", "99", day).unwrap();
        assert_eq!(
            (foreign.project_code.as_str(), foreign.period.as_str()),
            ("psa/main/99", "2026-11")
        );
        assert_eq!(
            frame.days_of("nov 2026").unwrap().0,
            "2026-11-01".parse().unwrap()
        );
        let scope = ReconciliationScope {
            period: None,
            from: None,
            to: None,
            legal_entity: Some("gb".to_owned()),
            region: None,
            project_code: None,
        };
        assert!(!covers(&scope, &frame.place("erp/main", "900", day).unwrap()));
    }
}
