//! Contracts: the committed file is what the code says, and the code says enough.

use std::collections::HashSet;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// Compares a contract with `openapi/<file>`, byte for byte, and checks that it says what its readers need. With
/// `UPDATE_CONTRACTS=1` in the environment it writes the file instead of comparing.
///
/// # Panics
/// When the file differs, or the contract lacks something; the message lists everything that it lacks.
pub fn check_contract(contract: &OpenApi, file: &str) {
    let mut text = contract.to_pretty_json().expect("a contract is JSON");
    text.push('\n');
    let findings = contract_findings(contract);
    assert!(findings.is_empty(), "{file} lacks:\n  {}", findings.join("\n  "));

    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../openapi")
        .join(file);
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; `make openapi` sets this"
    )]
    if std::env::var("UPDATE_CONTRACTS").is_ok() {
        let folder = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(folder).expect("the folder openapi/");
        std::fs::write(&path, text).expect("the contract can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "openapi/{file} is not what the code says: run `make openapi` and review the difference"
    );
}

/// Everything that a contract lacks of what its readers need: ids, texts, tags, described parameters, security, refusals
/// as problem+json.
///
/// # Panics
/// When the contract is not JSON, which no contract is.
#[must_use]
pub fn contract_findings(contract: &OpenApi) -> Vec<String> {
    let document = &serde_json::to_value(contract).expect("a contract is JSON");
    let mut lint = Lint {
        document,
        verb_noun: Regex::new("^[a-z]+(_[a-z0-9]+)+$").expect("a regular expression"),
        ids: HashSet::new(),
        findings: Vec::new(),
    };
    for field in ["title", "version", "description"] {
        lint.demand(is_text(&document["info"][field]), "info", field);
    }
    lint.demand(document["info"]["contact"].is_object(), "info", "contact");
    lint.demand(
        document["components"]["securitySchemes"]["bearer"].is_object(),
        "components",
        "security scheme bearer",
    );
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                lint.operation(&format!("{method} {path}"), path, operation);
            }
        }
    }
    lint.references(document);
    lint.findings
}

struct Lint<'d> {
    document: &'d Value,
    verb_noun: Regex,
    ids: HashSet<&'d str>,
    findings: Vec<String>,
}

impl<'d> Lint<'d> {
    fn demand(&mut self, holds: bool, place: &str, what: &str) {
        if !holds {
            self.findings.push(format!("{place}: {what}"));
        }
    }

    fn operation(&mut self, place: &str, path: &str, operation: &'d Value) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        self.demand(
            self.verb_noun.is_match(id),
            place,
            &format!("an operation id like list_projects, not `{id}`"),
        );
        let unique = self.ids.insert(id);
        self.demand(unique, place, "an operation id of its own");
        self.demand(is_text(&operation["summary"]), place, "summary");
        self.demand(is_text(&operation["description"]), place, "description");
        let tags = elements(&operation["tags"]);
        let declared = elements(&self.document["tags"]);
        let known = tags.iter().all(|tag| {
            declared
                .iter()
                .any(|one| one["name"] == *tag && is_text(&one["description"]))
        });
        self.demand(
            !tags.is_empty() && known,
            place,
            "a tag that the contract describes",
        );
        self.parameters(place, path, operation);
        self.answers(place, operation);
        if let Some(body) = operation.get("requestBody") {
            self.demand(
                !members(&self.resolve(body)["content"]).is_empty(),
                place,
                "the content of its body",
            );
        }
    }

    fn parameters(&mut self, place: &str, path: &str, operation: &Value) {
        let parameters = elements(&operation["parameters"]);
        for parameter in parameters {
            let parameter = self.resolve(parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            self.demand(
                is_text(&parameter["description"]),
                place,
                &format!("a description of the parameter {name}"),
            );
            self.demand(
                parameter["schema"].is_object(),
                place,
                &format!("a schema of the parameter {name}"),
            );
        }
        for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let described = parameters.iter().any(|one| {
                let one = self.resolve(one);
                one["in"] == "path" && one["name"] == name
            });
            self.demand(described, place, &format!("the path parameter {name}"));
        }
    }

    fn answers(&mut self, place: &str, operation: &Value) {
        let answers = members(&operation["responses"]);
        let succeeds = answers
            .iter()
            .any(|(status, _)| status.starts_with('2') || status.starts_with('3'));
        self.demand(succeeds, place, "an answer that is not a refusal");
        for (status, answer) in &answers {
            let answer = self.resolve(answer);
            self.demand(
                is_text(&answer["description"]),
                place,
                &format!("a description of {status}"),
            );
            if status.starts_with('4') || status.starts_with('5') {
                let schema = &answer["content"]["application/problem+json"]["schema"];
                self.demand(schema.is_object(), place, &format!("problem+json as {status}"));
            }
        }
        let security = &operation["security"];
        self.demand(security.is_array(), place, "security, empty where it is open");
        if elements(security).iter().any(|one| !members(one).is_empty()) {
            for status in ["401", "403"] {
                let there = answers.iter().any(|(known, _)| known.as_str() == status);
                self.demand(there, place, &format!("the answer {status}"));
            }
        }
    }

    /// What a reference points to, or the value itself.
    fn resolve(&self, value: &'d Value) -> &'d Value {
        value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.pointer(reference.trim_start_matches('#')))
            .unwrap_or(value)
    }

    fn references(&mut self, value: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let there = self.document.pointer(reference.trim_start_matches('#')).is_some();
            self.demand(there, "components", &format!("what {reference} refers to"));
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|field| self.references(field)),
            Value::Array(items) => items.iter().for_each(|item| self.references(item)),
            _ => {}
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> Vec<(&String, &Value)> {
    value
        .as_object()
        .map(|fields: &Map<String, Value>| fields.iter().collect())
        .unwrap_or_default()
}
