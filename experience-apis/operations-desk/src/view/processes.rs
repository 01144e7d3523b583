//! Processes: a list over all process APIs, and one with its steps.

use askama::Template;
use canonical_model::{InstanceState, InstanceStepState, InstanceView};
use chrono::{DateTime, Utc};
use experience_look::shown_word;

use super::at;

/// States with their words in JSON, as a select offers them.
const STATES: [(InstanceState, &str); 6] = [
    (InstanceState::Running, "running"),
    (InstanceState::Waiting, "waiting"),
    (InstanceState::Parked, "parked"),
    (InstanceState::Compensating, "compensating"),
    (InstanceState::Compensated, "compensated"),
    (InstanceState::Completed, "completed"),
];

/// Instances of one process API.
#[derive(Debug)]
pub struct ProcessGroup<'a> {
    /// The process API.
    pub process_api: &'a str,
    /// Its instances.
    pub instances: &'a [InstanceView],
    /// Where the next page is.
    pub next: Option<String>,
    /// Why they are not here.
    pub refused: Option<&'a str>,
}

/// The list.
#[derive(Template)]
#[template(path = "processes.html")]
pub struct Processes<'a> {
    /// One entry a process API.
    pub groups: &'a [ProcessGroup<'a>],
    /// Names of all process APIs.
    pub apis: &'a [&'a str],
    /// The list is narrowed to this one.
    pub api: Option<&'a str>,
    /// The list is narrowed to this state.
    pub state: Option<InstanceState>,
}

/// One instance with its steps.
#[derive(Template)]
#[template(path = "process.html")]
pub struct OneProcess<'a> {
    /// The instance.
    pub instance: &'a InstanceView,
}

fn tone(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Parked => "bad",
        InstanceState::Compensating | InstanceState::Compensated => "warn",
        InstanceState::Completed => "good",
        InstanceState::Running | InstanceState::Waiting => "",
    }
}

fn word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Running => "running",
        InstanceState::Waiting => "waits for a signal or a time",
        InstanceState::Parked => "waits for a person",
        InstanceState::Compensating => "being taken back",
        InstanceState::Compensated => "taken back",
        InstanceState::Completed => "completed",
    }
}

impl Processes<'_> {
    fn states(&self) -> Vec<(&'static str, &'static str, bool)> {
        STATES
            .iter()
            .map(|(state, name)| (*name, word(*state), self.state == Some(*state)))
            .collect()
    }

    fn is_api(&self, name: &str) -> bool {
        self.api == Some(name)
    }

    fn words(&self, name: &str) -> String {
        shown_word(name)
    }

    fn word(&self, state: &InstanceState) -> &'static str {
        word(*state)
    }

    fn tone(&self, state: &InstanceState) -> &'static str {
        tone(*state)
    }

    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }
}

impl OneProcess<'_> {
    fn word(&self) -> &'static str {
        word(self.instance.state)
    }

    fn tone(&self) -> &'static str {
        tone(self.instance.state)
    }

    fn words(&self, name: &str) -> String {
        shown_word(name)
    }

    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    /// Word and colour of a step.
    fn step(&self, state: &InstanceStepState) -> (&'static str, &'static str) {
        match state {
            InstanceStepState::Pending => ("to come", ""),
            InstanceStepState::Current => ("now", "warn"),
            InstanceStepState::Done => ("done", "good"),
            InstanceStepState::Skipped => ("skipped", "warn"),
            InstanceStepState::Undone => ("taken back", "warn"),
        }
    }

    /// The exceptions of the same cause.
    fn exceptions(&self, code: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", code)
            .finish();
        format!("/exceptions?{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{CanonicalId, Failure, InstanceEffectView, InstanceStepView};

    #[test]
    fn a_process_page_shows_its_steps_and_what_they_did() {
        let step = |name: &str, state, effects| InstanceStepView {
            name: name.to_owned(),
            state,
            done_at: None,
            attempts: 2,
            undoable: true,
            effects,
        };
        let effect = InstanceEffectView {
            key: "q2p-customer-0192f3a1".parse().unwrap(),
            target: "erp/main account".to_owned(),
            id: Some("107".to_owned()),
        };
        let instance = InstanceView {
            id: CanonicalId::generate(),
            process: "quote-to-project".to_owned(),
            version: 1,
            business_key: "crm/main 0061".to_owned(),
            title: "Fabrikam <rollout>".to_owned(),
            state: InstanceState::Parked,
            failure: Some(Failure::business("customer_ambiguous", "could be two")),
            started_at: DateTime::UNIX_EPOCH,
            changed_at: DateTime::UNIX_EPOCH,
            ended_at: None,
            correlation_id: "c-1".to_owned(),
            steps: vec![
                step("ensure_customer", InstanceStepState::Done, vec![effect]),
                step("create_project", InstanceStepState::Current, Vec::new()),
            ],
        };
        let html = OneProcess { instance: &instance }.render().unwrap();
        assert!(
            html.contains("waits for a person") && html.contains("could be two"),
            "{html}"
        );
        assert!(html.contains("/exceptions?code=customer_ambiguous"), "{html}");
        assert!(
            html.contains("erp/main account") && html.contains("107"),
            "{html}"
        );
        assert!(
            html.contains("Ensure customer") && html.contains(">now<"),
            "{html}"
        );
    }
}
