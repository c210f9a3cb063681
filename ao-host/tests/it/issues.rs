//! Issues from a tracker that is linked in: what it answers, and what becomes of its errors.

use std::sync::Arc;

use ao_core::slots::Tracker;
use ao_core::slots::tracker::{DescribeIssue, GetIssue, Issue, IssueState, IssueText};
use ao_core::{Code, Error, Result};
use ao_host::sessions::{Bound, assignment};

/// Answers with an issue of its own making, or with the error whose code is asked for.
struct Desk;

#[async_trait::async_trait]
impl Tracker for Desk {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == request.id) {
            return Err(Error::new(code.clone(), "as asked"));
        }
        let id = if request.id == "bad-id" { "-rf\u{1b}" } else { request.id.trim_start_matches('#') };
        let mut issue = Issue::new(id, format!("In {}", request.repository.unwrap_or_default()), IssueState::Closed);
        issue.branch = Some("from-the-issue".parse().unwrap());
        issue.url = Some("https://issues.example/12".to_owned());
        Ok(issue)
    }

    async fn describe(&self, request: DescribeIssue) -> Result<IssueText> {
        let mut text = IssueText::from_issue(&request.issue);
        text.label = format!("#{}", request.issue.id);
        text.branch = Some("from-the-text".parse().unwrap());
        Ok(text)
    }
}

fn ask(id: &str) -> Result<ao_core::lifecycle::Assignment> {
    let tracker: Bound<dyn Tracker> = Bound { plugin: "desk".parse().unwrap(), instance: Arc::new(Desk) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(assignment(&tracker, &id.parse().unwrap(), "acme/app"))
}

#[test]
fn what_the_tracker_says_of_its_issue_counts() {
    let issue = ask("#12").unwrap();
    assert_eq!((issue.id.as_str(), issue.state), ("12", IssueState::Closed));
    assert_eq!(issue.facts.name(), "#12 In acme/app");
    assert_eq!(issue.facts.url.as_deref(), Some("https://issues.example/12"));
    assert_eq!(issue.branch.map(String::from).as_deref(), Some("from-the-text"));
}

#[test]
fn errors_keep_their_codes() {
    for (code, exit) in
        [(Code::NOT_FOUND, 1), (Code::UNAVAILABLE, 75), (Code::RATE_LIMITED, 75), (Code::UNAUTHORIZED, 78)]
    {
        let error = ask(code.as_str()).unwrap_err();
        assert_eq!((&error.code, error.code.exit_code()), (&code, exit));
        assert!(error.to_string().contains("from the tracker `desk`: as asked"), "{error}");
    }
}

#[test]
fn an_id_that_no_tracker_should_have_is_its_fault() {
    let error = ask("bad-id").unwrap_err();
    assert_eq!(error.code, Code::PROTOCOL);
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}
