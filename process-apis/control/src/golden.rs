//! Golden records of customers: which account of which system is which company.
//!
//! Matching, its decision and the reason are one transaction, one at a time, so that two deals of one new company that
//! arrive together make one golden record.

use canonical_model::{
    Account, AccountMatch, AccountMatchRequest, AccountMatchRuling, CanonicalId, CrossReference, Failure,
    GoldenAccount, MatchDecision, MatchReason, Result,
};
use persistence::{Migration, Tx, args};
use serde_json::json;

use crate::audit::{self, Entry};
use crate::matching::{Features, Golden, judge};
use crate::references;

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "control_golden_1",
    sql: "CREATE TABLE golden_accounts (
            canonical_id TEXT PRIMARY KEY,
            account TEXT NOT NULL,
            noted_ms BIGINT NOT NULL);
          CREATE TABLE golden_features (
            kind TEXT NOT NULL,
            value TEXT NOT NULL,
            canonical_id TEXT NOT NULL,
            PRIMARY KEY (kind, value, canonical_id));
          CREATE TABLE golden_turn (id BIGINT PRIMARY KEY, taken BIGINT NOT NULL);
          INSERT INTO golden_turn (id, taken) VALUES (1, 0);",
};

const RESOURCE: &str = "account";

/// Characters of a normalised name by which spellings find each other. Names that are alike enough to be one company
/// (see [`crate::matching`]) but differ in these first characters are found only by tax registration or domain.
const NAME_BLOCK: usize = 4;

/// Who asks, for the audit log.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Subject of the caller, or of the person it acts for.
    pub actor: String,
    /// Correlates with logs.
    pub correlation_id: String,
    /// Now.
    pub now_ms: i64,
}

/// Decides which company an account is, and records the decision.
///
/// # Errors
/// The database fails.
pub async fn match_account(
    tx: &mut Tx,
    request: &AccountMatchRequest,
    asker: &Asker,
) -> Result<AccountMatch> {
    take_turn(tx).await?;
    if let Some(id) = references::canonical_id_of(tx, RESOURCE, &request.connection, &request.id).await? {
        return Ok(AccountMatch {
            decision: MatchDecision::Matched,
            canonical_id: Some(id),
            reasons: vec![MatchReason::CrossReference],
            explanation: format!("{} of {} is known", request.id, request.connection),
            candidates: Vec::new(),
        });
    }
    let candidates = candidates(tx, &request.account).await?;
    let verdict = judge(&request.account, &candidates);
    let canonical_id = match verdict.decision {
        MatchDecision::Matched => verdict.canonical_id,
        MatchDecision::New => Some(CanonicalId::generate()),
        MatchDecision::Ambiguous => None,
    };
    if let Some(id) = canonical_id {
        remember(tx, id, request, asker.now_ms).await?;
    }
    let decided = AccountMatch {
        decision: verdict.decision,
        canonical_id,
        reasons: verdict.reasons,
        explanation: verdict.explanation,
        candidates: verdict.candidates,
    };
    record(tx, "account.matched", request, &decided, None, asker).await?;
    Ok(decided)
}

/// Records a steward's decision which company an account is.
///
/// # Errors
/// Business `not_found` where the golden record does not exist; `already_referenced` where the account is known as
/// another company.
pub async fn rule(tx: &mut Tx, ruling: &AccountMatchRuling, asker: &Asker) -> Result<AccountMatch> {
    take_turn(tx).await?;
    let request = &ruling.request;
    let known = references::canonical_id_of(tx, RESOURCE, &request.connection, &request.id).await?;
    let canonical_id = match (ruling.canonical_id, known) {
        (Some(id), _) if read(tx, id).await?.is_some() => id,
        (Some(id), _) => {
            return Err(Failure::business(
                "not_found",
                format!("there is no golden account {id}"),
            ));
        }
        // The same ruling twice: a company of its own stays the one that the first made.
        (None, Some(id)) => id,
        (None, None) => CanonicalId::generate(),
    };
    remember(tx, canonical_id, request, asker.now_ms).await?;
    let decided = AccountMatch {
        decision: if ruling.canonical_id.is_some() {
            MatchDecision::Matched
        } else {
            MatchDecision::New
        },
        canonical_id: Some(canonical_id),
        reasons: vec![MatchReason::Person],
        explanation: format!("{} decided: {}", asker.actor, ruling.reason),
        candidates: Vec::new(),
    };
    record(
        tx,
        "account.ruled",
        request,
        &decided,
        Some(&ruling.reason),
        asker,
    )
    .await?;
    Ok(decided)
}

/// A golden record with its ids.
///
/// # Errors
/// The database fails.
pub async fn read(tx: &mut Tx, id: CanonicalId) -> Result<Option<GoldenAccount>> {
    let row = tx
        .one(
            "SELECT account FROM golden_accounts WHERE canonical_id = $1",
            args![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(GoldenAccount {
        canonical_id: id,
        account: row.json("account")?,
        references: references::all_of(tx, RESOURCE, id).await?,
    }))
}

/// Golden records by name, a page at a time.
///
/// # Errors
/// The database fails.
pub async fn list(tx: &mut Tx, after: Option<CanonicalId>, limit: i64) -> Result<Vec<GoldenAccount>> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let rows = tx
        .all(
            "SELECT canonical_id FROM golden_accounts WHERE canonical_id > $1 ORDER BY canonical_id LIMIT $2",
            args![after, limit],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.extend(read(tx, row.id("canonical_id")?).await?);
    }
    Ok(found)
}

/// Waits until no other matching is under way: the row is locked until the transaction ends.
async fn take_turn(tx: &mut Tx) -> Result<()> {
    tx.execute(
        "UPDATE golden_turn SET taken = taken + 1 WHERE id = 1",
        Vec::new(),
    )
    .await
    .map(drop)
}

async fn candidates(tx: &mut Tx, account: &Account) -> Result<Vec<Golden>> {
    let mut found: Vec<Golden> = Vec::new();
    for (kind, value) in features(account) {
        let rows = tx
            .all(
                "SELECT g.canonical_id, g.account FROM golden_features f
                 JOIN golden_accounts g ON g.canonical_id = f.canonical_id
                 WHERE f.kind = $1 AND f.value = $2 ORDER BY g.canonical_id",
                args![kind, value],
            )
            .await?;
        for row in &rows {
            let id = row.id("canonical_id")?;
            if found.iter().all(|g| g.id != id) {
                found.push(Golden {
                    id,
                    account: row.json("account")?,
                });
            }
        }
    }
    Ok(found)
}

/// Adds the sighting to the golden record: its reference, what the record did not know, and by what it is found.
async fn remember(tx: &mut Tx, id: CanonicalId, request: &AccountMatchRequest, now_ms: i64) -> Result<()> {
    let known = tx
        .one(
            "SELECT account FROM golden_accounts WHERE canonical_id = $1",
            args![id],
        )
        .await?;
    let account = match known {
        Some(row) => merged(row.json("account")?, &request.account),
        None => own(&request.account),
    };
    tx.execute(
        "INSERT INTO golden_accounts (canonical_id, account, noted_ms) VALUES ($1, $2, $3)
         ON CONFLICT (canonical_id) DO UPDATE SET account = excluded.account",
        args![id, text_of(&account)?, now_ms],
    )
    .await?;
    for (kind, value) in features(&account).into_iter().chain(features(&request.account)) {
        tx.execute(
            "INSERT INTO golden_features (kind, value, canonical_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            args![kind, value, id],
        )
        .await?;
    }
    let reference = CrossReference {
        canonical_id: id,
        resource: RESOURCE.to_owned(),
        connection: request.connection.clone(),
        id: request.id.clone(),
        label: Some(request.account.name.clone()),
    };
    references::note(tx, &reference, now_ms).await.map(drop)
}

/// The account without what only has meaning inside its system: references to other records of it.
fn own(account: &Account) -> Account {
    Account {
        parent: None,
        payment_terms: None,
        legal_entity: None,
        financials: None,
        ..account.clone()
    }
}

/// The golden record with what the sighting adds; what is known stays as it was first seen.
fn merged(golden: Account, seen: &Account) -> Account {
    let mut tax_registrations = golden.tax_registrations;
    for registration in &seen.tax_registrations {
        if !tax_registrations.contains(registration) {
            tax_registrations.push(registration.clone());
        }
    }
    Account {
        tax_registrations,
        website: golden.website.or_else(|| seen.website.clone()),
        phone: golden.phone.or_else(|| seen.phone.clone()),
        email: golden.email.or_else(|| seen.email.clone()),
        billing_address: golden.billing_address.or_else(|| seen.billing_address.clone()),
        currency: golden.currency.or(seen.currency),
        ..golden
    }
}

fn features(account: &Account) -> Vec<(&'static str, String)> {
    let features = Features::of(account);
    let block: String = features.name.chars().take(NAME_BLOCK).collect();
    let mut found = vec![("name", features.name), ("block", block)];
    found.extend(features.domain.map(|domain| ("domain", domain)));
    found.extend(features.tax.into_iter().map(|tax| ("tax", tax)));
    found
}

async fn record(
    tx: &mut Tx,
    action: &str,
    request: &AccountMatchRequest,
    decided: &AccountMatch,
    reason: Option<&str>,
    asker: &Asker,
) -> Result<()> {
    let detail = json!({
        "decision": decided.decision,
        "canonical_id": decided.canonical_id,
        "reasons": decided.reasons,
        "explanation": decided.explanation,
        "candidates": decided.candidates.iter().map(|c| c.canonical_id).collect::<Vec<_>>(),
        "reason": reason,
    });
    let entry = Entry {
        actor: asker.actor.clone(),
        action: action.to_owned(),
        subject: format!("account {} {}", request.connection, request.id),
        detail,
        correlation_id: asker.correlation_id.clone(),
    };
    audit::append(tx, &[entry], asker.now_ms).await
}

fn text_of(account: &Account) -> Result<String> {
    serde_json::to_string(account).map_err(|e| {
        Failure::fault("unwritable_record", "a golden record cannot be written").with_detail(e.to_string())
    })
}
