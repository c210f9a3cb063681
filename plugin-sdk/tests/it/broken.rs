//! A tracker that keeps the contract, with one thing in it replaced; and the question which checks noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ao_plugin_sdk::conformance::{Outcome, Report, Subject, TrackerKit};
use ao_plugin_sdk::core::plugin::Host;
use ao_plugin_sdk::core::slots::{Instance, IntoInstance, Slot};
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;

pub(crate) type Issues = Arc<std::sync::Mutex<Vec<(String, Issue)>>>;

/// What a test replaces.
#[async_trait]
pub(crate) trait Fault: Send + Sync + 'static {
    /// Instead of the tracker's own `get`; none leaves it.
    async fn get(&self, _world: &Good, _id: &str) -> Option<Result<Issue>> {
        None
    }

    /// Instead of the tracker's own answer to everything else, by method.
    async fn list(&self, _world: &Good, _request: &ListIssues) -> Option<Result<IssuePage>> {
        None
    }

    async fn create(&self, _world: &Good, _request: &CreateIssue) -> Option<Result<Issue>> {
        None
    }

    async fn update(&self, _world: &Good, _request: &UpdateIssue) -> Option<Result<Issue>> {
        None
    }

    async fn comments(&self, _world: &Good, _id: &str) -> Option<Result<Vec<IssueComment>>> {
        None
    }

    async fn describe(&self, _request: &DescribeIssue) -> Option<Result<IssueText>> {
        None
    }

    async fn find_effect(&self, _request: &FindEffect) -> Option<Result<Proof>> {
        None
    }

    async fn doctor(&self) -> Option<Result<Vec<Finding>>> {
        None
    }
}

/// Nothing is replaced.
pub(crate) struct Sound;

#[async_trait]
impl Fault for Sound {}

/// A tracker in memory that keeps the contract.
pub(crate) struct Good {
    pub(crate) issues: Issues,
    /// What was said, by key and issue.
    pub(crate) said: std::sync::Mutex<Vec<(String, String, IssueComment)>>,
    pub(crate) calls: AtomicU64,
    pub(crate) host: Arc<dyn Host>,
}

struct Faulty<F>(Good, Arc<F>);

impl Good {
    pub(crate) fn find(&self, id: &str) -> Result<Issue> {
        let issues = self.issues.lock().expect("a sound test");
        let found = issues.iter().find(|(_, issue)| issue.id == id);
        found.map(|(_, issue)| issue.clone()).ok_or_else(|| Error::not_found(format!("no issue `{id}`")))
    }

    pub(crate) fn add(&self, request: &CreateIssue) -> Issue {
        let mut issues = self.issues.lock().expect("a sound test");
        let mut issue = Issue::new((issues.len() + 12).to_string(), request.title.as_str(), IssueState::Open);
        issue.body.clone_from(&request.body);
        issues.push((request.key.clone(), issue.clone()));
        issue
    }

    pub(crate) fn change(&self, request: UpdateIssue) -> Result<Issue> {
        let mut issues = self.issues.lock().expect("a sound test");
        let mut found = issues.iter_mut().map(|(_, issue)| issue);
        let Some(issue) = found.find(|issue| issue.id == request.id) else {
            return Err(Error::not_found(format!("no issue `{}`", request.id)));
        };
        match request.change {
            IssueChange::State { state } => issue.state = state,
            IssueChange::BlockedBy { issues } => issue.blocked_by = issues,
            IssueChange::Edit { title, body } => {
                issue.title = title.unwrap_or_else(|| issue.title.clone());
                issue.body = body.unwrap_or_else(|| issue.body.clone());
            }
            IssueChange::Comment { body } => {
                let mut said = self.said.lock().expect("a sound test");
                if said.iter().all(|(key, _, _)| *key != request.key) {
                    said.push((request.key, request.id, IssueComment::new("ann", Timestamp::from_millis(0), body)));
                }
            }
            _ => return Err(Error::unsupported("this change of an issue")),
        }
        Ok(issue.clone())
    }
}

#[async_trait]
impl<F: Fault> Tracker for Faulty<F> {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        match self.1.get(&self.0, &request.id).await {
            Some(answer) => answer,
            None => self.0.find(&request.id),
        }
    }

    async fn list(&self, request: ListIssues) -> Result<IssuePage> {
        if let Some(answer) = self.1.list(&self.0, &request).await {
            return answer;
        }
        let issues = self.0.issues.lock().expect("a sound test");
        let fits = |issue: &&Issue| {
            request.state.is_none_or(|state| issue.state == state)
                && request.labels.iter().all(|label| issue.labels.contains(label))
        };
        Ok(IssuePage::new(issues.iter().map(|(_, issue)| issue).filter(fits).cloned().collect::<Vec<_>>()))
    }

    async fn create(&self, request: CreateIssue) -> Result<Issue> {
        if let Some(answer) = self.1.create(&self.0, &request).await {
            return answer;
        }
        let known = self.0.issues.lock().expect("a sound test").iter().find(|(key, _)| *key == request.key).cloned();
        Ok(known.map_or_else(|| self.0.add(&request), |(_, issue)| issue))
    }

    async fn update(&self, request: UpdateIssue) -> Result<Issue> {
        if let Some(answer) = self.1.update(&self.0, &request).await {
            return answer;
        }
        self.0.find(&request.id)?;
        self.0.change(request)
    }

    async fn comments(&self, request: GetIssue) -> Result<Vec<IssueComment>> {
        if let Some(answer) = self.1.comments(&self.0, &request.id).await {
            return answer;
        }
        self.0.find(&request.id)?;
        let said = self.0.said.lock().expect("a sound test");
        Ok(said.iter().filter(|(_, id, _)| *id == request.id).map(|(_, _, comment)| comment.clone()).collect())
    }

    async fn describe(&self, request: DescribeIssue) -> Result<IssueText> {
        match self.1.describe(&request).await {
            Some(answer) => answer,
            None => Ok(IssueText::from_issue(&request.issue)),
        }
    }

    async fn find_effect(&self, request: FindEffect) -> Result<Proof> {
        self.1.find_effect(&request).await.unwrap_or(Ok(Proof::Unknown))
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        self.1.doctor().await.unwrap_or_else(|| Ok(vec![Finding::new(FindingLevel::Ok, "memory", "is there")]))
    }
}

/// The schema of a configuration without keys.
pub(crate) fn no_keys() -> Value {
    json!({"type": "object", "additionalProperties": false})
}

/// Refuses what is wrong with a configuration without keys.
pub(crate) fn must_be_empty(config: &Value) -> Result<()> {
    match config.as_object() {
        Some(keys) if keys.is_empty() => Ok(()),
        _ => Err(Error::invalid_input("there is nothing to configure")),
    }
}

pub(crate) fn tracker<F: Fault>(world: &Issues, host: Arc<dyn Host>, fault: Arc<F>) -> Instance {
    Arc::new(Faulty(
        Good { issues: Arc::clone(world), said: std::sync::Mutex::default(), calls: AtomicU64::new(0), host },
        fault,
    ))
    .into_instance()
}

pub(crate) fn world() -> Issues {
    let issue = Issue::new("12", "Twelve", IssueState::Open);
    Arc::new(std::sync::Mutex::new(vec![("of somebody".to_owned(), issue)]))
}

pub(crate) fn subject(fault: impl Fault) -> Subject {
    let (world, fault) = (world(), Arc::new(fault));
    Subject::instances(Slot::Tracker, "broken", no_keys(), move |config, host| {
        must_be_empty(&config)?;
        Ok(tracker(&world, host, Arc::clone(&fault)))
    })
}

pub(crate) fn run(subject: Subject) -> Report {
    let kit = TrackerKit::of(subject, json!({})).issue("12").missing("no-such").slow("slow").effects();
    kit.limit(std::time::Duration::from_secs(5)).run()
}

/// The same for a fault that makes calls hang: each check waits this long.
pub(crate) fn run_briefly(subject: Subject) -> Report {
    let kit = TrackerKit::of(subject, json!({})).issue("12").missing("no-such").slow("slow");
    kit.limit(std::time::Duration::from_millis(600)).run()
}

/// The ids of the checks that failed, each once.
pub(crate) fn failed(report: &Report) -> Vec<&str> {
    let mut failed: Vec<_> = report.failed().map(|record| record.check.as_str()).collect();
    failed.dedup();
    failed
}

/// The fault is found by these checks and no others.
pub(crate) fn found(fault: impl Fault, checks: &[&str]) -> Report {
    let report = run(subject(fault));
    assert_eq!(failed(&report), checks, "\n{report}");
    report
}

/// A part of what the first failure of a check says.
pub(crate) fn says(report: &Report, check: &str, part: &str) {
    let record = report.failed().find(|record| record.check == check).expect(check);
    let Outcome::Failed { expected, came, remedy } = &record.outcome else { unreachable!("it failed") };
    assert!(
        format!("{expected}\n{came}\n{remedy}").contains(part),
        "{}",
        serde_json::to_string(record).expect("a sound test")
    );
}
