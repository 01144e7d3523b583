//! The company that buys, in ERP, CRM and PSA. Customers are never taken back.

use canonical_model::{Account, EffectKey, Failure, FindBy, RecordRef, Result, Sourced, Verb};
use serde::Deserialize;
use serde_json::json;

use crate::Ctx;
use crate::records::{self, Key, Note};
use crate::references;
use crate::systems::System;

use super::drafts::{self, To};
use super::process::Conversion;

pub(super) async fn ensure_customer(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    let parent = parent_in(ctx, state, &erp).await?;
    let draft = |state: &Conversion, golden: &Account| drafts::erp_account(state, golden, parent);
    let id = ensure_account(ctx, state, &erp, To::Erp, draft).await?;
    if let Some(customer) = &mut state.customer {
        customer.erp = Some(id);
    }
    Ok(())
}

pub(super) async fn ensure_client_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let id = ensure_account(ctx, state, &psa, To::Psa, drafts::psa_client).await?;
    if let Some(customer) = &mut state.customer {
        customer.psa = Some(id);
    }
    Ok(())
}

/// The company's id in a system: the one that control knows, the one that somebody made there without us, or a new one.
async fn ensure_account(
    ctx: &Ctx,
    state: &Conversion,
    system: &System,
    to: To,
    draft: impl FnOnce(&Conversion, &Account) -> Result<Account>,
) -> Result<String> {
    let customer = state.customer()?;
    let golden = ctx.services().control.account(customer.canonical_id).await?;
    if let Some(known) = golden
        .references
        .iter()
        .find(|r| r.connection == system.connection())
    {
        return Ok(known.id.clone());
    }
    let key: EffectKey = drafts::customer_key(customer, to).parse()?;
    let id = match made_without_us(ctx, system, to, &golden.account, &key).await? {
        Some(id) => id,
        None => {
            let record = draft(state, &golden.account)?;
            records::create(ctx, system, Key::Shared(key), record).await?.id
        }
    };
    let name = Some(golden.account.name.as_str());
    references::register::<Account>(ctx, customer.canonical_id, system.connection(), &id, name).await?;
    Ok(id)
}

/// What a person answers when a system has an account that could be the company.
#[derive(Debug, Clone, Deserialize)]
struct AccountAnswer {
    /// The account that it is; null makes another.
    #[serde(default)]
    id: Option<String>,
    /// What became of effects, where that was asked (see the engine).
    #[serde(default)]
    effects: Option<serde_json::Value>,
}

/// An account of the company that somebody made in the system before control knew of it.
async fn made_without_us(
    ctx: &Ctx,
    system: &System,
    to: To,
    account: &Account,
    key: &EffectKey,
) -> Result<Option<String>> {
    if let Some(AccountAnswer { id, effects: None }) = ctx.answer() {
        return Ok(id);
    }
    let found = alike(system, account).await?;
    match existing(to, account, found, key) {
        Existing::None => Ok(None),
        Existing::Sure(id) => {
            let reason = format!("{} of {} is {:?}", id, system.connection(), account.name);
            let decision = json!({ "decision": "adopted", "reason": reason });
            ctx.emit_event("decision.made", ctx.business_key(), decision);
            Ok(Some(id))
        }
        Existing::Unclear(message) => {
            let message = format!(
                "{} has {message}. Answer with the id of the right one, or with null to make another",
                system.connection()
            );
            Err(Failure::business("customer_exists_already", message))
        }
    }
}

/// Accounts with the same tax registration, else those with the same name.
async fn alike(system: &System, account: &Account) -> Result<Vec<Sourced<Account>>> {
    let find_by = system
        .support::<Account>()
        .await?
        .map(|support| support.find_by)
        .unwrap_or_default();
    let accounts = system.collection::<Account>();
    let mut found = Vec::new();
    if find_by.contains(&FindBy::TaxRegistration) {
        for registration in &account.tax_registrations {
            found.extend(
                accounts
                    .find(FindBy::TaxRegistration, &registration.number)
                    .await?,
            );
        }
    }
    if found.is_empty() && find_by.contains(&FindBy::Name) {
        found = accounts.find(FindBy::Name, &account.name).await?;
    }
    Ok(found)
}

/// What the accounts of a system that are alike say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Existing {
    /// There is none but our own.
    None,
    /// The account of this id is the company.
    Sure(String),
    /// A person decides.
    Unclear(String),
}

/// One account with the same tax registration is the company. A name is not enough where money is kept; where work is
/// planned, one client of the name is.
fn existing(to: To, account: &Account, mut found: Vec<Sourced<Account>>, key: &EffectKey) -> Existing {
    found.retain(|other| other.effect_key.as_deref() != Some(key.as_str()));
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    let registered = |other: &Account| {
        let same = |r: &canonical_model::TaxRegistration| {
            account.tax_registrations.iter().any(|own| own.number == r.number)
        };
        other.tax_registrations.iter().any(same)
    };
    match found.as_slice() {
        [] => Existing::None,
        [one] if to == To::Psa || registered(&one.data) => Existing::Sure(one.id.clone()),
        several => {
            let listed: Vec<_> = several
                .iter()
                .map(|a| format!("{:?} ({})", a.data.name, a.id))
                .collect();
            Existing::Unclear(listed.join(" and "))
        }
    }
}

/// The group that the company belongs to, where the ERP has it.
async fn parent_in(ctx: &Ctx, state: &Conversion, erp: &System) -> Result<Option<RecordRef>> {
    let Some(parent) = &state.deal()?.account.parent else {
        return Ok(None);
    };
    let known = references::known::<Account>(ctx, &state.connection, &parent.id).await?;
    Ok(known.id_in(erp.connection()).map(RecordRef::id))
}

/// A customer that was there before may belong to another company of the firm, whose books are the wrong ones for this
/// deal. A person who knows better skips this step and says why.
pub(super) async fn check_customer_entity(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let frame = state.frame()?;
    let erp = ctx.services().erp.at(&frame.erp);
    let customer = erp.collection::<Account>().read(state.erp_account()?).await?;
    match customer.data.legal_entity {
        Some(entity) if entity.id != frame.erp_entity.id => {
            let name = |entity: &RecordRef| entity.label.clone().unwrap_or_else(|| entity.id.clone());
            let message = format!(
                "customer {:?} ({}) belongs to {} in the ERP but the deal is sold by {}; open the customer for that \
                 company in the ERP and skip this check, or correct the deal in the CRM",
                customer.data.name,
                customer.id,
                name(&entity),
                name(&frame.erp_entity)
            );
            let subject = format!("account:{}:{}", frame.erp, customer.id);
            Err(ctx.about(subject, Failure::business("customer_in_other_entity", message)))
        }
        _ => Ok(()),
    }
}

pub(super) async fn link_customer_in_crm(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    if !records::declared::<Account>(ctx, &crm, Verb::Link).await? {
        return Ok(());
    }
    let note = Note {
        id: state.deal()?.terms.account_id.clone(),
        system: "erp",
        other_id: state.erp_account()?.to_owned(),
        message: None,
    };
    records::link::<Account>(ctx, &crm, note).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::TaxRegistration;

    fn account(name: &str, number: Option<&str>) -> Account {
        let registration = |number: &str| TaxRegistration {
            country: "DE".to_owned(),
            number: number.to_owned(),
        };
        Account {
            name: name.to_owned(),
            parent: None,
            website: None,
            phone: None,
            email: None,
            tax_registrations: number.map(registration).into_iter().collect(),
            billing_address: None,
            payment_terms: None,
            legal_entity: None,
            currency: None,
            financials: None,
        }
    }

    fn there(id: &str, key: Option<&str>, data: Account) -> Sourced<Account> {
        Sourced {
            connection: "erp/main".to_owned(),
            object: "customer".to_owned(),
            id: id.to_owned(),
            version: None,
            changed_at: chrono::DateTime::UNIX_EPOCH,
            effect_key: key.map(str::to_owned),
            links: std::collections::BTreeMap::new(),
            data,
            extensions: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_customer_that_finance_made_is_adopted_by_its_tax_number_and_never_by_its_name_alone() {
        let key: EffectKey = "q2p-customer-1".parse().unwrap();
        let ours = account("Helios", Some("DE1"));
        let of_finance = there("7", None, account("Helios Energy", Some("DE1")));
        let decided = existing(To::Erp, &ours, vec![of_finance.clone(), of_finance], &key);
        assert_eq!(decided, Existing::Sure("7".to_owned()));

        let namesake = there("8", None, account("Helios", None));
        assert!(matches!(
            existing(To::Erp, &ours, vec![namesake.clone()], &key),
            Existing::Unclear(_)
        ));
        assert_eq!(
            existing(To::Psa, &ours, vec![namesake], &key),
            Existing::Sure("8".to_owned())
        );
    }

    #[test]
    fn what_another_deal_of_the_company_has_just_made_is_our_own() {
        let key: EffectKey = "q2p-customer-1".parse().unwrap();
        let ours = account("Helios", None);
        let just_made = there("9", Some("q2p-customer-1"), ours.clone());
        assert_eq!(existing(To::Erp, &ours, vec![just_made], &key), Existing::None);
    }
}
