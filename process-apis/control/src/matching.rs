//! Golden-record matching: is this account a company that we already know?
//!
//! Pure: it compares an account with the golden records that share something with it and says which it is, and why.
//! It decides by itself only on firm grounds (the same tax registration; the same domain and the same or nearly the same
//! name; the same normalised name with nothing against it). Everything in between goes to a person, because a
//! wrong guess means a customer created twice or two customers' invoices on one account.

use canonical_model::{Account, CanonicalId, MatchCandidate, MatchDecision, MatchReason};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Names at least this alike (Jaro-Winkler) are held to be spellings of one name when a domain agrees.
const ALIKE: f64 = 0.92;

/// Legal forms and words that companies write or leave out; compared after normalisation.
const LEGAL_FORMS: [&str; 44] = [
    "gmbh",
    "ag",
    "kg",
    "kgaa",
    "ohg",
    "ug",
    "mbh",
    "se",
    "ev",
    "co",
    "company",
    "corp",
    "corporation",
    "inc",
    "incorporated",
    "llc",
    "llp",
    "lp",
    "ltd",
    "limited",
    "plc",
    "pty",
    "pte",
    "pvt",
    "private",
    "sa",
    "sas",
    "sarl",
    "srl",
    "spa",
    "sl",
    "nv",
    "bv",
    "ab",
    "as",
    "asa",
    "oy",
    "oyj",
    "aps",
    "kk",
    "gk",
    "holding",
    "holdings",
    "the",
];

/// Mail hosts that say nothing about a company.
const FREE_MAIL: [&str; 14] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "proton.me",
    "protonmail.com",
    "t-online.de",
];

/// Second-level labels under which registries of countries sell names, so that `acme.co.uk` is the domain.
const REGISTRY_LABELS: [&str; 8] = ["co", "com", "org", "net", "gov", "ac", "edu", "ne"];

/// What an account is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// Name without case, accents, punctuation and legal form.
    pub name: String,
    /// Registrable domain of the web site, else of the e-mail address; none for free mail.
    pub domain: Option<String>,
    /// Tax registrations as country and letters and digits only.
    pub tax: Vec<String>,
    /// Country of the billing address.
    pub country: Option<String>,
}

impl Features {
    /// The features of an account.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let from_site = account.website.as_deref().and_then(domain_of_site);
        let from_mail = || {
            account
                .email
                .as_deref()
                .and_then(|mail| mail.rsplit_once('@'))
                .and_then(|(_, host)| registrable(host))
        };
        let mut tax: Vec<String> = account
            .tax_registrations
            .iter()
            .map(|t| normalised_tax(&t.country, &t.number))
            .filter(|t| t.len() > 4)
            .collect();
        tax.sort();
        tax.dedup();
        Self {
            name: normalised_name(&account.name),
            domain: from_site
                .or_else(from_mail)
                .filter(|d| !FREE_MAIL.contains(&d.as_str())),
            tax,
            country: account.billing_address.as_ref().map(|a| a.country.clone()),
        }
    }
}

/// A golden record that the account could be.
#[derive(Debug, Clone)]
pub struct Golden {
    /// Its id.
    pub id: CanonicalId,
    /// The account as it was first seen, with what later sightings added.
    pub account: Account,
}

/// What was decided, before it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: MatchDecision,
    /// The golden record, when matched.
    pub canonical_id: Option<CanonicalId>,
    /// Why.
    pub reasons: Vec<MatchReason>,
    /// In words.
    pub explanation: String,
    /// Companies that it could be; empty when new.
    pub candidates: Vec<MatchCandidate>,
}

/// How one golden record compares.
struct Comparison<'a> {
    golden: &'a Golden,
    same_tax: bool,
    tax_differs: bool,
    same_domain: bool,
    domain_differs: bool,
    same_name: bool,
    similar_name: bool,
    country_differs: bool,
}

/// Compares an account with every golden record that could be it.
#[must_use]
pub fn judge(account: &Account, known: &[Golden]) -> Verdict {
    let features = Features::of(account);
    let compared: Vec<Comparison<'_>> = known.iter().map(|golden| compare(&features, golden)).collect();
    let sure: Vec<&Comparison<'_>> = compared.iter().filter(|c| c.is_sure()).collect();
    let doubtful: Vec<&Comparison<'_>> = compared
        .iter()
        .filter(|c| !c.is_sure() && c.is_doubtful())
        .collect();
    // The tax office's number outweighs every other likeness, so doubts fall silent beside one record that has it.
    let by_tax: Vec<&Comparison<'_>> = sure.iter().copied().filter(|c| c.same_tax).collect();
    match (by_tax.as_slice(), sure.as_slice(), doubtful.is_empty()) {
        ([only], _, _) | ([], [only], true) => Verdict {
            decision: MatchDecision::Matched,
            canonical_id: Some(only.golden.id),
            reasons: only.reasons(),
            explanation: format!(
                "{:?} is {:?}: {}",
                account.name,
                only.golden.account.name,
                only.in_words()
            ),
            candidates: vec![only.candidate()],
        },
        (_, [], true) => Verdict {
            decision: MatchDecision::New,
            canonical_id: None,
            reasons: Vec::new(),
            explanation: format!(
                "no known company shares a tax registration, domain or name with {:?}",
                account.name
            ),
            candidates: Vec::new(),
        },
        _ => {
            let candidates: Vec<MatchCandidate> =
                sure.iter().chain(&doubtful).map(|c| c.candidate()).collect();
            let words: Vec<String> = sure
                .iter()
                .chain(&doubtful)
                .map(|c| format!("{:?} ({})", c.golden.account.name, c.in_words()))
                .collect();
            Verdict {
                decision: MatchDecision::Ambiguous,
                canonical_id: None,
                reasons: Vec::new(),
                explanation: format!(
                    "{:?} could be {}; a person decides",
                    account.name,
                    words.join(" or ")
                ),
                candidates,
            }
        }
    }
}

fn compare<'a>(features: &Features, golden: &'a Golden) -> Comparison<'a> {
    let other = Features::of(&golden.account);
    let same_tax = features.tax.iter().any(|t| other.tax.contains(t));
    let same_country_tax = features
        .tax
        .iter()
        .any(|t| other.tax.iter().any(|o| o.get(..2) == t.get(..2)));
    let both_domains = features.domain.is_some() && other.domain.is_some();
    Comparison {
        golden,
        same_tax,
        tax_differs: !same_tax && same_country_tax,
        same_domain: both_domains && features.domain == other.domain,
        domain_differs: both_domains && features.domain != other.domain,
        same_name: features.name == other.name,
        similar_name: alike(&features.name, &other.name),
        country_differs: features.country.is_some()
            && other.country.is_some()
            && features.country != other.country,
    }
}

impl Comparison<'_> {
    fn is_sure(&self) -> bool {
        if self.same_tax {
            return true;
        }
        if self.tax_differs {
            return false;
        }
        let by_domain = self.same_domain && (self.same_name || self.similar_name);
        let by_name = self.same_name && !self.domain_differs && !self.country_differs;
        by_domain || by_name
    }

    fn is_doubtful(&self) -> bool {
        self.same_domain || self.same_name || self.similar_name
    }

    fn reasons(&self) -> Vec<MatchReason> {
        let mut reasons = Vec::new();
        if self.same_tax {
            reasons.push(MatchReason::TaxRegistration);
        }
        if self.same_domain {
            reasons.push(MatchReason::Domain);
        }
        if self.same_name {
            reasons.push(MatchReason::NormalisedName);
        }
        reasons
    }

    fn candidate(&self) -> MatchCandidate {
        MatchCandidate {
            canonical_id: self.golden.id,
            account: self.golden.account.clone(),
            reasons: self.reasons(),
        }
    }

    fn in_words(&self) -> String {
        let facts = [
            (self.same_tax, "same tax registration"),
            (self.tax_differs, "other tax registration in the same country"),
            (self.same_domain, "same domain"),
            (self.domain_differs, "other domain"),
            (self.same_name, "same name without legal form"),
            (self.similar_name && !self.same_name, "similar name"),
            (self.country_differs, "other country"),
        ];
        facts
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, words)| *words)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Lower case, without accents, punctuation and legal forms, words apart by one space. A name made of legal forms only
/// keeps them.
#[must_use]
pub fn normalised_name(name: &str) -> String {
    let plain: String = name
        .replace('ß', "ss")
        .replace('&', " and ")
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| *c != '.' && *c != '\'' && *c != '’')
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let kept: Vec<&str> = words
        .iter()
        .copied()
        .filter(|w| !LEGAL_FORMS.contains(w) && *w != "and")
        .collect();
    if kept.is_empty() {
        words.join(" ")
    } else {
        kept.join(" ")
    }
}

fn normalised_tax(country: &str, number: &str) -> String {
    let country = country.to_ascii_uppercase();
    let digits: String = number
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .flat_map(char::to_uppercase)
        .collect();
    let bare = digits.strip_prefix(&country).unwrap_or(&digits).to_owned();
    country + &bare
}

fn domain_of_site(site: &str) -> Option<String> {
    let after_scheme = site.split_once("://").map_or(site, |(_, rest)| rest);
    let host = after_scheme.split(['/', '?', '#', ':']).next()?;
    registrable(host)
}

fn registrable(host: &str) -> Option<String> {
    let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').filter(|l| !l.is_empty()).collect();
    let second = labels.len().checked_sub(2).and_then(|i| labels.get(i))?;
    let last = labels.last()?;
    let keep = if labels.len() > 2 && last.len() == 2 && REGISTRY_LABELS.contains(second) {
        3
    } else {
        2
    };
    Some(labels.get(labels.len() - keep..)?.join("."))
}

fn alike(one: &str, other: &str) -> bool {
    let one_starts_other =
        |a: &str, b: &str| b.len() > a.len() + 1 && b.starts_with(a) && b.get(a.len()..=a.len()) == Some(" ");
    strsim::jaro_winkler(one, other) >= ALIKE || one_starts_other(one, other) || one_starts_other(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Address, TaxRegistration};

    fn account(name: &str, website: Option<&str>, tax: Option<&str>, country: Option<&str>) -> Account {
        Account {
            name: name.to_owned(),
            parent: None,
            website: website.map(str::to_owned),
            phone: None,
            email: None,
            tax_registrations: tax
                .map(|number| TaxRegistration {
                    country: "DE".to_owned(),
                    number: number.to_owned(),
                })
                .into_iter()
                .collect(),
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

    fn golden(account: Account) -> Golden {
        Golden {
            id: CanonicalId::generate(),
            account,
        }
    }

    #[test]
    fn another_spelling_of_a_known_company_is_that_company() {
        let known = [golden(account(
            "Helios Energy GmbH",
            Some("https://www.helios-energy.example"),
            None,
            Some("DE"),
        ))];
        for spelling in [
            "HELIOS ENERGY",
            "Helios Energy G.m.b.H.",
            "Hélios Energy",
            "The Helios Energy Company",
        ] {
            let verdict = judge(
                &account(spelling, Some("helios-energy.example/about"), None, Some("DE")),
                &known,
            );
            assert_eq!(
                verdict.decision,
                MatchDecision::Matched,
                "{spelling}: {}",
                verdict.explanation
            );
            assert_eq!(verdict.canonical_id, Some(known[0].id));
        }
    }

    #[test]
    fn the_tax_registration_outweighs_name_and_domain() {
        let known = [
            golden(account("Helios Energy GmbH", None, Some("DE 123 456 789"), None)),
            golden(account("Sunpower Trading", Some("sunpower.example"), None, None)),
        ];
        let verdict = judge(
            &account(
                "Sunpower Trading",
                Some("sunpower.example"),
                Some("123456789"),
                None,
            ),
            &known,
        );
        assert_eq!(
            (verdict.decision, verdict.canonical_id),
            (MatchDecision::Matched, Some(known[0].id))
        );
        assert_eq!(verdict.reasons, [MatchReason::TaxRegistration]);
    }

    #[test]
    fn likeness_on_thin_grounds_goes_to_a_person() {
        let known = [golden(account(
            "Meridian Partners Ltd",
            Some("meridian.example"),
            Some("DE111111111"),
            Some("GB"),
        ))];
        let doubtful = [
            account("Meridian Partners Inc", None, None, Some("US")),
            account("Meridian Partners Ltd", None, Some("DE222222222"), Some("GB")),
            account("Completely Different", Some("meridian.example"), None, Some("GB")),
            account(
                "Meridian Partners",
                Some("meridian-partners.example"),
                None,
                Some("GB"),
            ),
            account("Meridian Partnerz", None, None, Some("GB")),
        ];
        for case in doubtful {
            let verdict = judge(&case, &known);
            assert_eq!(
                verdict.decision,
                MatchDecision::Ambiguous,
                "{case:?}: {}",
                verdict.explanation
            );
            assert_eq!(verdict.candidates.len(), 1);
        }
    }

    #[test]
    fn two_companies_that_could_both_be_it_go_to_a_person() {
        let known = [
            golden(account("Atlas Logistics", None, None, Some("US"))),
            golden(account("Atlas Logistics Ltd", None, None, None)),
        ];
        assert_eq!(
            judge(&account("Atlas Logistics Inc", None, None, Some("US")), &known).decision,
            MatchDecision::Ambiguous
        );
    }

    #[test]
    fn free_mail_is_not_a_company() {
        let mut one = account("Braun Consulting", None, None, None);
        one.email = Some("office@gmail.com".to_owned());
        let mut other = account("Weber Transport", None, None, None);
        other.email = Some("info@gmail.com".to_owned());
        assert_eq!(judge(&other, &[golden(one)]).decision, MatchDecision::New);
    }

    #[test]
    fn a_registry_label_is_not_a_domain() {
        assert_eq!(registrable("www.acme.co.uk").as_deref(), Some("acme.co.uk"));
        assert_eq!(registrable("shop.acme.com").as_deref(), Some("acme.com"));
        assert_eq!(registrable("localhost"), None);
    }
}
