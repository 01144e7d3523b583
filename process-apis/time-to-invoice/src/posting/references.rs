//! What the references of a batch's lines are in the ERP. All questions of a batch are asked at once, not line by line.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{
    Expense, Failure, MappingDomain, Person, RecordRef, Result, Task, TimeEntry, Translation,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::control;
use crate::line::{PostingLine, Work};
use crate::services::Services;
use crate::validation::{Known, Refusal};

/// People that are looked up at once.
const AT_ONCE: usize = 8;
/// Tasks within tasks that are followed upwards.
const DEEPEST: usize = 8;

/// A word of the PSA: what it is in the ERP, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// The record in the ERP.
    pub record: RecordRef,
    /// The canonical code.
    pub code: String,
}

/// What the references of some lines are in the ERP, by their ids in the PSA. What is missing is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct References {
    /// Who worked.
    pub people: BTreeMap<String, RecordRef>,
    /// Tasks.
    pub tasks: BTreeMap<String, RecordRef>,
    /// Roles, as the items that they are charged as.
    pub roles: BTreeMap<String, Meaning>,
    /// Kinds of expense.
    pub categories: BTreeMap<String, Meaning>,
    /// Tax codes.
    pub tax_codes: BTreeMap<String, Meaning>,
    /// Words that have a code which the ERP has no value for: by mapping word and id in the PSA, what to map.
    pub half_mapped: BTreeMap<String, String>,
}

/// The references of some lines, each once.
#[derive(Debug, Default)]
struct Asked {
    people: BTreeSet<RecordRef>,
    tasks: BTreeSet<String>,
    roles: BTreeSet<RecordRef>,
    categories: BTreeSet<RecordRef>,
    tax_codes: BTreeSet<RecordRef>,
}

impl Asked {
    fn of(lines: &[PostingLine]) -> Self {
        let mut asked = Self::default();
        for line in lines {
            let (person, task, tax_code) = match &line.work {
                Work::Time(entry) => {
                    asked.roles.extend(entry.role.clone());
                    (&entry.person, &entry.task, &entry.tax_code)
                }
                Work::Expense(expense) => {
                    asked.categories.insert(expense.category.clone());
                    (&expense.person, &expense.task, &expense.tax_code)
                }
            };
            asked.people.insert(person.clone());
            asked.tasks.extend(task.as_ref().map(|task| task.id.clone()));
            asked.tax_codes.extend(tax_code.clone());
        }
        asked
    }
}

/// Finds what the references of some lines of one PSA are in one ERP.
///
/// # Errors
/// A system or control does not answer.
pub async fn resolve(services: &Services, psa: &str, erp: &str, lines: &[PostingLine]) -> Result<References> {
    let asked = Asked::of(lines);
    let mut found = References {
        people: people(services, psa, erp, &asked.people).await?,
        tasks: tasks(services, psa, erp, &asked.tasks).await?,
        ..References::default()
    };
    let half = &mut found.half_mapped;
    found.roles = words(services, MappingDomain::Role, psa, erp, &asked.roles, half).await?;
    found.categories = words(
        services,
        MappingDomain::ExpenseCategory,
        psa,
        erp,
        &asked.categories,
        half,
    )
    .await?;
    found.tax_codes = words(services, MappingDomain::TaxCode, psa, erp, &asked.tax_codes, half).await?;
    Ok(found)
}

/// Words of the PSA by id, or by what people call them: a mapping may say either.
async fn words(
    services: &Services,
    domain: MappingDomain,
    psa: &str,
    erp: &str,
    asked: &BTreeSet<RecordRef>,
    half_mapped: &mut BTreeMap<String, String>,
) -> Result<BTreeMap<String, Meaning>> {
    let mut questions = Vec::with_capacity(asked.len() * 2);
    for word in asked {
        let label = word.label.as_deref().unwrap_or(&word.id);
        questions.push(control::question(domain, Some(psa), &word.id, Some(erp)));
        questions.push(control::question(domain, Some(psa), label, Some(erp)));
    }
    let answers = control::translate(&services.control, &questions).await?;
    let mut found = BTreeMap::new();
    for (word, pair) in asked.iter().zip(answers.chunks(2)) {
        let label = word.label.clone().unwrap_or_else(|| word.id.clone());
        match best(pair) {
            (Some(code), Some(value)) => {
                let record = RecordRef::labelled(value, label);
                found.insert(word.id.clone(), Meaning { record, code });
            }
            (Some(code), None) => {
                let domain = domain_word(domain);
                half_mapped.insert(format!("{domain}:{}", word.id), format!("{domain}:{erp}:{code}"));
            }
            (None, _) => {}
        }
    }
    Ok(found)
}

/// The answer that says most: code and value before a code alone.
fn best(answers: &[Translation]) -> (Option<String>, Option<String>) {
    let whole = answers.iter().find(|a| a.code.is_some() && a.value.is_some());
    let some = whole.or_else(|| answers.iter().find(|a| a.code.is_some()));
    some.map_or((None, None), |a| (a.code.clone(), a.value.clone()))
}

fn domain_word(domain: MappingDomain) -> &'static str {
    match domain {
        MappingDomain::Role => "role",
        MappingDomain::ExpenseCategory => "expense_category",
        MappingDomain::TaxCode => "tax_code",
        _ => "word",
    }
}

/// People by e-mail address, which is the same in every system unless a mapping says otherwise.
async fn people(
    services: &Services,
    psa: &str,
    erp: &str,
    asked: &BTreeSet<RecordRef>,
) -> Result<BTreeMap<String, RecordRef>> {
    let mut addresses = Vec::with_capacity(asked.len());
    let mut questions = Vec::with_capacity(asked.len() * 2);
    for person in asked {
        let email = email_of(services, psa, person).await?;
        questions.push(control::question(
            MappingDomain::Person,
            Some(psa),
            &person.id,
            Some(erp),
        ));
        // One that has no address stands for itself: an address that nobody has.
        let value = email.as_deref().unwrap_or(&person.id);
        questions.push(control::question(MappingDomain::Person, None, value, Some(erp)));
        addresses.push(email);
    }
    let answers = control::translate(&services.control, &questions).await?;
    let wanted = asked
        .iter()
        .zip(addresses)
        .zip(answers.chunks(2))
        .map(|((person, email), pair)| {
            let by_id = pair
                .first()
                .and_then(|a| a.value.clone().or_else(|| a.code.clone()));
            let by_email = pair.get(1).and_then(|a| a.value.clone());
            (person.id.clone(), by_id.or(by_email).or(email))
        });
    stream::iter(wanted.collect::<Vec<_>>())
        .map(|(id, address)| async move {
            let found = match address {
                Some(address) => services.systems.person(erp, &address).await?,
                None => None,
            };
            Ok::<_, Failure>((id, found))
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|(id, found)| async move { Ok(found.map(|person| (id, person))) })
        .try_collect()
        .await
}

async fn email_of(services: &Services, psa: &str, person: &RecordRef) -> Result<Option<String>> {
    match person.label.clone().filter(|label| label.contains('@')) {
        Some(email) => Ok(Some(email)),
        None => {
            let read = services.systems.collection::<Person>(psa)?.read(&person.id).await;
            match read {
                Ok(person) => Ok(Some(person.data.email)),
                Err(failure) if failure.code == "not_found" => Ok(None),
                Err(failure) => Err(failure),
            }
        }
    }
}

/// Tasks by the cross-reference. A part of a task that the ERP does not have is booked on the task that it is part of.
async fn tasks(
    services: &Services,
    psa: &str,
    erp: &str,
    asked: &BTreeSet<String>,
) -> Result<BTreeMap<String, RecordRef>> {
    let mut found = BTreeMap::new();
    // From each task upwards: the task that was asked for, and where its search has come to.
    let mut at: Vec<(String, String)> = asked.iter().map(|id| (id.clone(), id.clone())).collect();
    for _ in 0..DEEPEST {
        if at.is_empty() {
            break;
        }
        let ids: BTreeSet<String> = at.iter().map(|(_, now)| now.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let answers = control::known::<Task>(&services.control, psa, &ids).await?;
        let mut further = Vec::new();
        for (id, now) in at {
            let known = answers.get(&now);
            let record = known.and_then(|a| a.references.iter().find(|r| r.connection == erp));
            match record {
                Some(record) => {
                    found.insert(
                        id,
                        RecordRef {
                            id: record.id.clone(),
                            label: record.label.clone(),
                        },
                    );
                }
                None => further.extend(parent(services, psa, &now).await?.map(|parent| (id, parent))),
            }
        }
        at = further;
    }
    Ok(found)
}

async fn parent(services: &Services, psa: &str, task: &str) -> Result<Option<String>> {
    match services.systems.task(psa, task).await {
        Ok(task) => Ok(task.data.parent.as_ref().map(|parent| parent.id.clone())),
        Err(failure) if failure.code == "not_found" => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl References {
    /// What is known of one line, for its validation.
    #[must_use]
    pub fn known(&self, line: &PostingLine) -> Known {
        let id = |record: &RecordRef| record.id.clone();
        let of = |map: &BTreeMap<String, Meaning>, key: &str| map.get(key).map(|m| m.record.id.clone());
        let (person, task) = match &line.work {
            Work::Time(entry) => (&entry.person, &entry.task),
            Work::Expense(expense) => (&expense.person, &expense.task),
        };
        let (role, category) = match &line.work {
            Work::Time(entry) => (entry.role.as_ref().and_then(|r| of(&self.roles, &r.id)), None),
            Work::Expense(expense) => (None, of(&self.categories, &expense.category.id)),
        };
        Known {
            person: self.people.get(&person.id).map(id),
            task: task.as_ref().and_then(|t| self.tasks.get(&t.id)).map(id),
            role,
            category,
            ..Known::default()
        }
    }

    /// A refusal about the word that is to be mapped: where the PSA's word has a code already, it is the code that the
    /// ERP lacks.
    #[must_use]
    pub fn sharpen(&self, line: &PostingLine, refusal: Refusal) -> Refusal {
        let word = match &line.work {
            Work::Time(TimeEntry { role: Some(role), .. }) => format!("role:{}", role.id),
            Work::Expense(Expense { category, .. }) => format!("expense_category:{}", category.id),
            Work::Time(_) => return refusal,
        };
        let about = refusal.subject.split(':').next().unwrap_or_default();
        match self.half_mapped.get(&word) {
            Some(subject) if word.starts_with(about) => Refusal {
                subject: subject.clone(),
                ..refusal
            },
            _ => refusal,
        }
    }

    /// The refusal of a line whose tax code is not mapped.
    ///
    /// # Errors
    /// Business `tax_code_not_mapped`.
    pub fn check_tax_code(&self, line: &PostingLine) -> Result<(), Refusal> {
        let tax_code = match &line.work {
            Work::Time(entry) => &entry.tax_code,
            Work::Expense(expense) => &expense.tax_code,
        };
        match tax_code {
            Some(code) if !self.tax_codes.contains_key(&code.id) => {
                let message = format!(
                    "tax code {} of {} has no counterpart in the ERP; map it and retry the group",
                    code.id, line.source_id
                );
                let plain = format!("tax_code:{}:{}", line.connection, code.id);
                let half = self.half_mapped.get(&format!("tax_code:{}", code.id));
                Err(Refusal {
                    failure: Box::new(Failure::business("tax_code_not_mapped", message)),
                    subject: half.cloned().unwrap_or(plain),
                })
            }
            _ => Ok(()),
        }
    }
}
