//! Trackers, each with one fault, and the checks that must find it.

use ao_plugin_sdk::prelude::*;

use crate::broken::{Fault, Good, Sound, found, run, says, subject};

#[test]
fn a_sound_tracker_passes_by_both_doors() {
    let report = run(subject(Sound));
    assert!(report.is_kept(), "\n{report}");
    let skipped: Vec<_> = report.skipped().map(|record| record.check.as_str()).collect();
    assert!(skipped.iter().all(|check| check.starts_with("host.")), "{skipped:?}");
}

macro_rules! fault {
    ($name:ident { $($method:tt)* }) => {
        struct $name;

        #[async_trait]
        impl Fault for $name {
            $($method)*
        }
    };
}

fault! { EmptyIssue {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        Some(world.find(id).or_else(|_| Ok(Issue::new(id, "?", IssueState::Open))))
    }
}}

#[test]
fn an_empty_issue_for_a_missing_id() {
    found(EmptyIssue, &["tracker.get.missing_is_not_found"]);
}

fault! { OtherIssue {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        // As a path would be made shorter.
        Some(world.find(id.trim_start_matches("../").trim_end_matches('/')))
    }
}}

#[test]
fn a_path_that_leads_to_another_issue() {
    found(OtherIssue, &["tracker.get.strange_id_is_no_other_issue"]);
}

fault! { Nameless {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        Some(world.find(id).map(|mut issue| {
            issue.title = "two\nlines".into();
            issue
        }))
    }
}}

#[test]
fn a_title_of_two_lines() {
    let report = found(
        Nameless,
        &[
            "tracker.get.answers_the_issue",
            "tracker.list.agrees_with_get",
            "tracker.create.keeps_text",
            "tracker.update.edits",
        ],
    );
    says(&report, "tracker.get.answers_the_issue", "a title of one line");
}

fault! { Clock {
    async fn get(&self, world: &Good, id: &str) -> Option<Result<Issue>> {
        let count = world.calls.load(std::sync::atomic::Ordering::Relaxed);
        Some(world.find(id).map(|mut issue| {
            issue.body = count.to_string();
            issue
        }))
    }
}}

#[test]
fn an_answer_that_changes_by_itself() {
    found(
        Clock,
        &[
            "call.repeated_is_equal",
            "call.concurrent_are_equal",
            "call.cancelled_leaves_it_usable",
            "call.deadline_ends_it",
            "call.slow_delays_nobody",
            "tracker.get.repeated_is_equal",
            "tracker.create.keeps_text",
            "tracker.update.edits",
        ],
    );
}

fault! { Unfiltered {
    async fn list(&self, world: &Good, _request: &ListIssues) -> Option<Result<IssuePage>> {
        let issues = world.issues.lock().expect("a sound test").iter().map(|(_, issue)| issue.clone()).collect::<Vec<_>>();
        Some(Ok(IssuePage::new(issues)))
    }
}}

#[test]
fn a_list_that_ignores_filters() {
    found(Unfiltered, &["tracker.list.filters"]);
}

fault! { Endless {
    async fn list(&self, _world: &Good, _request: &ListIssues) -> Option<Result<IssuePage>> {
        let mut page = IssuePage::new(Vec::new());
        page.next = Some("2".into());
        Some(Ok(page))
    }
}}

#[test]
fn a_page_that_leads_to_itself() {
    let report = run(subject(Endless));
    says(&report, "tracker.list.pages_end", "a `next` that leads on");
}

fault! { Twice {
    async fn create(&self, world: &Good, request: &CreateIssue) -> Option<Result<Issue>> {
        Some(Ok(world.add(request)))
    }
}}

#[test]
fn a_repeated_create_that_makes_two() {
    found(Twice, &["tracker.create.happens_once"]);
}

fault! { Doubled {
    async fn create(&self, world: &Good, request: &CreateIssue) -> Option<Result<Issue>> {
        if !world.issues.lock().expect("a sound test").iter().any(|(key, _)| *key == request.key) {
            world.add(request);
            world.add(request);
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        Some(world.issues.lock().expect("a sound test").last().map(|(_, issue)| issue.clone()).ok_or_else(|| Error::other("none")))
    }
}}

#[test]
fn a_create_whose_effect_is_doubled_when_it_is_given_up() {
    let report = run(subject(Doubled));
    says(&report, "tracker.create.given_up_happens_once", "one issue or none");
}

fault! { Mangled {
    async fn create(&self, world: &Good, request: &CreateIssue) -> Option<Result<Issue>> {
        let mut ascii = request.clone();
        ascii.title.retain(|character| character.is_ascii());
        Some(Ok(world.add(&ascii)))
    }
}}

#[test]
fn a_create_that_loses_letters() {
    let report = run(subject(Mangled));
    says(&report, "tracker.create.keeps_text", "ünïcode");
}

fault! { Sleepy {
    async fn update(&self, world: &Good, request: &UpdateIssue) -> Option<Result<Issue>> {
        Some(world.find(&request.id))
    }
}}

#[test]
fn an_update_that_changes_nothing_and_accepts_anything() {
    let report = run(subject(Sleepy));
    says(&report, "tracker.update.changes_the_issue", "the state after the change");
}

fault! { Agreeable {
    async fn update(&self, _world: &Good, request: &UpdateIssue) -> Option<Result<Issue>> {
        Some(Ok(Issue::new(request.id.as_str(), "Changed", IssueState::Open)))
    }
}}

#[test]
fn an_update_of_nothing_and_of_a_newer_kind() {
    let report = run(subject(Agreeable));
    says(&report, "tracker.update.missing_is_not_found", "`not_found`");
    says(&report, "wire.unknown_variant_is_survived", "`update` refuses");
}

fault! { Careless {
    async fn update(&self, world: &Good, request: &UpdateIssue) -> Option<Result<Issue>> {
        let IssueChange::Edit { title: None, body } = &request.change else { return None };
        // As where the whole record is sent, and what was not said with it is empty.
        let change = IssueChange::Edit { title: Some("untitled".into()), body: body.clone() };
        Some(world.change(UpdateIssue::new(request.key.as_str(), request.id.as_str(), change)))
    }
}}

#[test]
fn an_edit_that_changes_more_than_it_was_asked() {
    found(Careless, &["tracker.update.edits"]);
}

fault! { Deaf {
    async fn comments(&self, _world: &Good, _id: &str) -> Option<Result<Vec<IssueComment>>> {
        Some(Ok(Vec::new()))
    }
}}

#[test]
fn comments_that_are_always_none() {
    found(Deaf, &["tracker.comments.missing_is_not_found", "tracker.comments.show_what_was_said"]);
}

fault! { Anonymous {
    async fn comments(&self, world: &Good, id: &str) -> Option<Result<Vec<IssueComment>>> {
        let comment = |_| vec![IssueComment::new("", Timestamp::from_millis(0), "said")];
        Some(world.find(id).map(comment))
    }
}}

#[test]
fn a_comment_of_nobody() {
    found(Anonymous, &["tracker.comments.repeated_are_equal", "tracker.comments.show_what_was_said"]);
}

fault! { Mute {
    async fn describe(&self, _request: &DescribeIssue) -> Option<Result<IssueText>> {
        Some(Ok(IssueText::new("", "do it")))
    }
}}

#[test]
fn a_description_without_the_issue() {
    found(Mute, &["tracker.describe.says_what_to_do"]);
}

fault! { Slicing {
    async fn describe(&self, request: &DescribeIssue) -> Option<Result<IssueText>> {
        let text = format!("{}{}", &request.issue.title[..1], &request.issue.title[1..]);
        Some(Ok(IssueText::new(request.issue.id.as_str(), text)))
    }
}}

#[test]
fn a_description_that_cuts_inside_of_a_letter() {
    let report = found(Slicing, &["tracker.describe.takes_any_text"]);
    says(&report, "tracker.describe.takes_any_text", "panic");
}

fault! { Boastful {
    async fn find_effect(&self, _request: &FindEffect) -> Option<Result<Proof>> {
        Some(Ok(Proof::Found { reference: "somewhere".into() }))
    }
}}

#[test]
fn an_effect_that_was_never_asked_for() {
    found(Boastful, &["tracker.find_effect.finds_nothing_that_was_not"]);
}

fault! { SilentDoctor {
    async fn doctor(&self) -> Option<Result<Vec<Finding>>> {
        Some(Ok(vec![Finding::new(FindingLevel::Ok, "", "")]))
    }
}}

#[test]
fn a_doctor_that_says_nothing() {
    found(SilentDoctor, &["doctor.findings_say_something"]);
}
