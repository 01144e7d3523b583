//! What was sold, to whom, and what its words stand for. Nothing is written to a system of record here.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{
    Account, AccountMatch, AccountMatchRequest, AccountMatchRuling, CanonicalId, DealWon, Fact, Failure,
    LegalEntity, MappingDomain, MatchDecision, Opportunity, RecordRef, Result,
};
use process_client::Act;
use serde::Deserialize;

use crate::Ctx;
use crate::plan::{Terms, project_code};
use crate::references::{self, Meaning, Word};

use super::process::{Conversion, Customer, Deal, Frame, Label, Named, ProjectIds, SoldAs};

/// A step of its own, so that an exception about what the deal lacks names the deal and the money that waits.
pub(super) async fn find_deal(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    let opportunity = crm
        .collection::<Opportunity>()
        .read(&state.opportunity_id)
        .await?;
    state.label = Label {
        name: Some(opportunity.data.name),
        amount: opportunity.data.amount,
    };
    Ok(())
}

pub(super) async fn load_deal(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    let opportunity = crm
        .collection::<Opportunity>()
        .read(&state.opportunity_id)
        .await?;
    let terms = Terms::of(&opportunity.data)?;
    let account = crm.collection::<Account>().read(&terms.account_id).await?;
    let won = DealWon {
        opportunity: state.opportunity(),
        name: terms.name.clone(),
        amount: terms.amount,
        won_at: opportunity.changed_at,
    };
    ctx.emit(Fact::DealWon(won), ctx.business_key());
    state.label.amount = Some(terms.amount);
    state.deal = Some(Deal {
        terms,
        account: account.data,
        won_at: opportunity.changed_at,
    });
    Ok(())
}

/// What a person answers when the customer is ambiguous.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerAnswer {
    /// The golden account that it is; absent = a company of its own.
    #[serde(default)]
    canonical_id: Option<CanonicalId>,
    /// Why.
    reason: String,
}

pub(super) async fn match_customer(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let deal = state.deal()?;
    let request = AccountMatchRequest {
        connection: state.connection.clone(),
        id: deal.terms.account_id.clone(),
        account: deal.account.clone(),
    };
    let control = &ctx.services().control;
    let decided = match ctx.answer::<CustomerAnswer>() {
        Some(answer) => {
            let ruling = AccountMatchRuling {
                request,
                canonical_id: answer.canonical_id,
                reason: answer.reason,
            };
            control
                .rule_account_match(&ruling, &Act::keyed(ctx.key("ruling").as_str()))
                .await?
        }
        None => control.match_account(&request).await?,
    };
    let canonical_id = matter_of_fact(&deal.account.name, decided)?;
    let project = ctx.id("project");
    state.project = Some(ProjectIds {
        canonical_id: project,
        code: project_code(&deal.account.name, project),
        psa: None,
        erp: None,
    });
    state.customer = Some(Customer {
        canonical_id,
        erp: None,
        psa: None,
    });
    Ok(())
}

/// The company that was decided on.
fn matter_of_fact(name: &str, decided: AccountMatch) -> Result<CanonicalId> {
    match (decided.decision, decided.canonical_id) {
        (MatchDecision::Matched | MatchDecision::New, Some(id)) => Ok(id),
        (MatchDecision::Ambiguous, _) => Err(Failure::business(
            "customer_ambiguous",
            candidates(name, &decided),
        )),
        (_, None) => {
            let message = format!("control decided which company {name:?} is, but does not name it");
            Err(Failure::fault("match_without_account", message))
        }
    }
}

fn candidates(name: &str, decided: &AccountMatch) -> String {
    let candidate = |c: &canonical_model::MatchCandidate| format!("{} ({})", c.account.name, c.canonical_id);
    let list: Vec<_> = decided.candidates.iter().map(candidate).collect();
    format!(
        "{name:?} could be {}: {}. Answer with the canonical_id of the right company, or null for a company of its \
         own, and the reason",
        list.join(" or "),
        decided.explanation
    )
}

pub(super) async fn resolve_references(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let terms = &state.deal()?.terms;
    let (services, crm) = (ctx.services(), state.connection.as_str());
    let psa = services.psa.connection().to_owned();

    let entity = one(references::meanings(
        ctx,
        crm,
        &[word(MappingDomain::LegalEntity, &terms.legal_entity, None)],
    )
    .await?)?;
    let erp = services.erp_of(&entity.code);
    let mut words = vec![word(
        MappingDomain::LegalEntity,
        &terms.legal_entity,
        Some(erp.connection()),
    )];
    if let Some(region) = &terms.region {
        words.push(word(MappingDomain::Region, region, Some(&psa)));
        words.push(word(MappingDomain::Region, region, Some(erp.connection())));
    }
    if let Some(rate_card) = &terms.rate_card {
        words.push(word(MappingDomain::RateCard, rate_card, Some(&psa)));
    }
    let roles: BTreeSet<&str> = terms.roles.iter().map(|sold| sold.role.as_str()).collect();
    words.extend(
        roles
            .iter()
            .map(|role| word(MappingDomain::Role, role, Some(&psa))),
    );
    let found = references::meanings(ctx, crm, &words).await?;

    state.frame = Some(Frame {
        psa_entity: references::value_of(ctx, MappingDomain::LegalEntity, &entity.code, &psa)
            .await?
            .map(RecordRef::id),
        psa_manager: references::person(ctx, &services.psa, &terms.manager_email).await?,
        erp_manager: references::person(ctx, &erp, &terms.manager_email).await?,
        ..frame(&words, found, entity.code, (erp.connection(), &psa))?
    });
    Ok(())
}

fn word(domain: MappingDomain, value: &str, to: Option<&str>) -> Word {
    Word {
        domain,
        value: value.to_owned(),
        to: to.map(str::to_owned),
    }
}

fn one(meanings: Vec<Meaning>) -> Result<Meaning> {
    let found = meanings.into_iter().next();
    found.ok_or_else(|| Failure::fault("answers_missing", "control answered no question of one"))
}

/// Puts the answers where they belong; the people are filled in by the caller.
fn frame(
    words: &[Word],
    found: Vec<Meaning>,
    legal_entity: String,
    (erp, psa): (&str, &str),
) -> Result<Frame> {
    let (mut erp_entity, mut rate_card) = (None, None);
    let (mut region_in_psa, mut region_in_erp) = (None, None);
    let mut roles = BTreeMap::new();
    for (word, meaning) in words.iter().zip(found) {
        match word.domain {
            MappingDomain::LegalEntity => {
                erp_entity = Some(RecordRef::labelled(meaning.value, word.value.clone()))
            }
            MappingDomain::Region if word.to.as_deref() == Some(psa) => region_in_psa = Some(meaning),
            MappingDomain::Region => region_in_erp = Some(meaning.value),
            MappingDomain::RateCard => {
                rate_card = Some(RecordRef::labelled(meaning.value, word.value.clone()))
            }
            _ => {
                let psa = RecordRef::labelled(meaning.value, word.value.clone());
                roles.insert(
                    word.value.clone(),
                    SoldAs {
                        code: meaning.code,
                        psa,
                    },
                );
            }
        }
    }
    let region = region_in_psa.zip(region_in_erp).map(|(psa, erp)| Named {
        code: psa.code,
        psa: psa.value,
        erp,
    });
    let nobody = RecordRef::id(String::new());
    Ok(Frame {
        legal_entity,
        erp: erp.to_owned(),
        psa: psa.to_owned(),
        erp_entity: erp_entity
            .ok_or_else(|| Failure::fault("answers_missing", "no answer for the legal entity"))?,
        psa_entity: None,
        region,
        rate_card,
        roles,
        psa_manager: nobody.clone(),
        erp_manager: nobody,
    })
}

/// The books that the customer is to be in must be open, and registered for tax where the customer is. A person who
/// knows better skips this step and says why.
pub(super) async fn check_legal_entity(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let (deal, frame) = (state.deal()?, state.frame()?);
    let erp = ctx.services().erp.at(&frame.erp);
    let entity = erp.collection::<LegalEntity>().read(&frame.erp_entity.id).await?;
    check_nexus(&entity.data, &deal.account).map_err(|failure| {
        let country = deal
            .account
            .billing_address
            .as_ref()
            .map_or("", |a| a.country.as_str());
        ctx.about(
            format!("legal_entity:{}:{}:{country}", frame.erp, frame.erp_entity.id),
            failure,
        )
    })
}

fn check_nexus(entity: &LegalEntity, account: &Account) -> Result<()> {
    if !entity.active {
        let message = format!(
            "legal entity {:?} is not active in the ERP; choose another in the CRM",
            entity.name
        );
        return Err(Failure::business("legal_entity_inactive", message));
    }
    let Some(address) = &account.billing_address else {
        let message = format!(
            "account {:?} has no billing address, so nobody can say where it is taxed; set it in the CRM and retry",
            account.name
        );
        return Err(Failure::business("customer_without_country", message));
    };
    if entity.nexuses.contains(&address.country) {
        return Ok(());
    }
    let message = format!(
        "legal entity {:?} is not registered for tax in {}, where {:?} is invoiced; open the nexus in the ERP and \
         retry, choose another entity in the CRM, or skip the check and say why",
        entity.name, address.country, account.name
    );
    Err(Failure::business("nexus_closed", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Address, Currency, MatchCandidate};

    fn account(country: Option<&str>) -> Account {
        Account {
            name: "Helios Energy GmbH".to_owned(),
            parent: None,
            website: None,
            phone: None,
            email: None,
            tax_registrations: Vec::new(),
            billing_address: country.map(|c| Address {
                country: c.to_owned(),
                ..Address::default()
            }),
            payment_terms: None,
            legal_entity: None,
            currency: None,
            financials: None,
        }
    }

    #[test]
    fn a_customer_is_taken_on_only_where_the_entity_is_registered_for_tax() {
        let mut entity = LegalEntity {
            name: "Northwind Advisory GmbH".to_owned(),
            country: "DE".to_owned(),
            currency: Currency::EUR,
            nexuses: vec!["DE".to_owned()],
            active: true,
        };
        assert!(check_nexus(&entity, &account(Some("DE"))).is_ok());
        let refused = check_nexus(&entity, &account(Some("FR"))).unwrap_err();
        assert_eq!(refused.code, "nexus_closed");
        assert!(refused.message.contains("FR"), "{}", refused.message);
        assert_eq!(
            check_nexus(&entity, &account(None)).unwrap_err().code,
            "customer_without_country"
        );
        entity.active = false;
        assert_eq!(
            check_nexus(&entity, &account(Some("DE"))).unwrap_err().code,
            "legal_entity_inactive"
        );
    }

    #[test]
    fn an_ambiguous_customer_shows_every_candidate_to_the_person() {
        let candidate = |name: &str| MatchCandidate {
            canonical_id: CanonicalId::generate(),
            account: Account {
                name: name.to_owned(),
                ..account(None)
            },
            reasons: Vec::new(),
        };
        let decided = AccountMatch {
            decision: MatchDecision::Ambiguous,
            canonical_id: None,
            reasons: Vec::new(),
            explanation: "nearly the same name".to_owned(),
            candidates: vec![candidate("Helios Energy AG"), candidate("Helios Energie GmbH")],
        };
        let ids: Vec<_> = decided
            .candidates
            .iter()
            .map(|c| c.canonical_id.to_string())
            .collect();
        let failure = matter_of_fact("Helios Energy GmbH", decided).unwrap_err();
        assert_eq!(failure.code, "customer_ambiguous");
        for told in [
            "Helios Energy AG",
            "Helios Energie GmbH",
            ids[0].as_str(),
            ids[1].as_str(),
        ] {
            assert!(failure.message.contains(told), "{}", failure.message);
        }
    }
}
