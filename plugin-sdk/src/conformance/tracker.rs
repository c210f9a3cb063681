//! The tracker slot's contract as checks.

use std::collections::BTreeSet;
use std::time::Duration;

use ao_core::Code;
use ao_core::slots::common::{FindEffect, Proof};
use ao_core::slots::tracker::{
    CreateIssue, DescribeIssue, GetIssue, Issue, IssueChange, IssueState, IssueText, ListIssues, UpdateIssue,
};

use super::bench::{Bench, Opened};
use super::check::{Verdict, answer, checks, demand, equal, refused, skipped};
use super::common::doctor_request;
use super::request::{Must, Request, hostile_texts};
use super::sample::Samples;
use super::{clock, slot_kit};

/// An id that nobody has given to an issue.
const NOBODYS: &str = "ao-conformance-no-such";

/// How many pages of a list are read.
const PAGES: usize = 5;

slot_kit! {
    tracker Tracker TrackerKit {
        text issue: "the id of an issue that exists";
        text missing: "an id that no issue has";
        text repository: "the repository that requests name, such as `acme/app`";
        text slow: "the id of an issue whose answer takes long, or never comes";
    }
}

checks! {
    Every "tracker.get.answers_the_issue": "`get` answers the issue that was asked for, with a title of one line",
        "return the issue with the `id` of the request; cut titles at their first line" => get_answers;
    Every "tracker.get.repeated_is_equal": "`get` of the same issue gives the same answer",
        "fill every field from the tracker's record, none from the clock" => get_is_equal;
    Every "tracker.get.missing_is_not_found": "an id that no issue has is answered with `not_found`",
        "return `Error::not_found(…)`, not an empty issue and not `other`" => missing_is_not_found;
    Every "tracker.get.strange_id_is_no_other_issue": "an id that is a path, an option or a pattern gives no other issue",
        "compare ids as text, and build no path or address from them without encoding" => strange_ids;
    Every "tracker.list.pages_end": "`list` answers each issue once, and its pages come to an end",
        "leave `next` out on the last page, and put into it all that the next page needs" => pages_end;
    Every "tracker.list.filters": "`list` with a state answers issues of that state only",
        "apply every filter of the request, or answer `unsupported` to `list`" => list_filters;
    Every "tracker.list.agrees_with_get": "an issue of the list is the one that `get` answers",
        "make both from the same record" => list_agrees;
    Every "tracker.describe.says_what_to_do": "`describe` gives a label of one line and a prompt with the issue's title",
        "build on `IssueText::from_issue`" => describe_says;
    Every "tracker.describe.takes_any_text": "`describe` takes whatever stands in an issue",
        "treat the issue's texts as data" => describe_takes_any;
    Every "tracker.find_effect.finds_nothing_that_was_not": "an effect that nobody asked for is not `found`",
        "answer `absent`, or `unknown` where it cannot be told" => finds_nothing;
    Every "tracker.create.happens_once": "a `create` that is repeated with its key makes one issue, or `find_effect` tells",
        "write the key into the issue and look for it, or let `find_effect` find it" => create_once;
    Every "tracker.create.given_up_happens_once": "a `create` that is given up has happened once or not at all",
        "make the issue with one request, and look for its key before another" => create_given_up;
    Every "tracker.create.keeps_text": "an issue is made with the texts that were given",
        "send texts as they are, encoded for the tracker's interface" => create_keeps_text;
    Every "tracker.update.changes_the_issue": "`update` changes the issue, and `get` shows it",
        "return the issue as it is after the change" => update_changes;
    Every "tracker.update.missing_is_not_found": "`update` of an id that no issue has is answered with `not_found`",
        "look the issue up before changing it" => update_missing;
    Every "tracker.update.edits": "`update` of title, text and what must be done first changes these, and `get` shows them",
        "change what the request names and leave the rest, or answer `unsupported`" => update_edits;
    Every "tracker.comments.repeated_are_equal": "`comments` of the same issue gives the same answer, each with an author",
        "fill author and time from the tracker's record" => comments_are_equal;
    Every "tracker.comments.missing_is_not_found": "`comments` of an id that no issue has is answered with `not_found`",
        "return `Error::not_found(…)`, not an empty list" => comments_missing;
    Every "tracker.comments.show_what_was_said": "a comment is shown as it was said, behind those before it",
        "send texts as they are, and read every page of the answer" => comments_show;
}

fn get(bench: &Bench, id: &str) -> GetIssue {
    let mut request = GetIssue::new(id);
    request.repository = bench.samples.text("repository").map(str::to_owned);
    request
}

pub(super) fn requests(samples: &Samples) -> Vec<Request> {
    let id = samples.text("missing").unwrap_or(NOBODYS);
    let change = IssueChange::State { state: IssueState::Open };
    let issue = Issue::new("12", "A title", IssueState::Open);
    vec![
        Request::reads("get", &GetIssue::new(id)),
        Request::reads("comments", &GetIssue::new(id)),
        Request::reads("list", &ListIssues::new()).word("state", Must::Survive),
        Request::changes("create", &CreateIssue::new("ao-conformance", "Conformance")),
        Request::changes("update", &UpdateIssue::new("ao-conformance", id, change)).tagged("change", Must::Refuse),
        Request::reads("find_effect", &FindEffect::new("ao-conformance", id)),
        Request::reads("describe", &DescribeIssue::new(issue)),
        doctor_request(),
    ]
}

pub(super) fn probe(samples: &Samples) -> Request {
    let known = samples.text("issue").or_else(|| samples.text("missing"));
    let mut request = GetIssue::new(known.unwrap_or(NOBODYS));
    request.repository = samples.text("repository").map(str::to_owned);
    Request::reads("get", &request)
}

async fn the_issue(bench: &Bench, opened: &Opened) -> Verdict<Issue> {
    let id = bench.text("issue")?;
    answer("`get` of the sample `issue`", opened.tracker()?.get(get(bench, &id)).await)
}

fn is_one_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

fn is_sound(issue: &Issue) -> Verdict {
    demand(is_one_line(&issue.id), "an id", issue)?;
    demand(is_one_line(&issue.title), "a title of one line", issue)?;
    let address = issue.url.as_ref().is_none_or(|url| url.contains("://") && is_one_line(url));
    demand(address, "a `url` that is an address, or none", &issue.url)
}

async fn get_answers(bench: Bench) -> Verdict {
    let id = bench.text("issue")?;
    let issue = the_issue(&bench, &bench.open()?).await?;
    equal("the id that was asked for", &id, &issue.id)?;
    is_sound(&issue)
}

async fn get_is_equal(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let first = the_issue(&bench, &opened).await?;
    equal("the same issue", &first, &the_issue(&bench, &opened).await?)
}

async fn missing_is_not_found(bench: Bench) -> Verdict {
    let id = bench.text("missing")?;
    let came = bench.open()?.tracker()?.get(get(&bench, &id)).await;
    refused("`get` of the sample `missing`", came, &[Code::NOT_FOUND]).map(drop)
}

async fn strange_ids(bench: Bench) -> Verdict {
    let id = bench.text("issue")?;
    let tracker = bench.open()?.tracker()?;
    let around = [format!("../{id}"), format!("./{id}"), format!("{id}/"), format!("{id}\0"), format!("-{id}")];
    for strange in around.into_iter().chain(hostile_texts()).filter(|strange| *strange != id) {
        if let Ok(issue) = tracker.get(get(&bench, &strange)).await {
            demand(issue.id == strange, format!("no other issue than {strange:?}"), &issue.id)?;
        }
    }
    Ok(())
}

/// Every issue of up to [`PAGES`] pages.
async fn listed(bench: &Bench, opened: &Opened, mut request: ListIssues) -> Verdict<Vec<Issue>> {
    request.repository = bench.samples.text("repository").map(str::to_owned);
    let (mut issues, mut seen) = (Vec::new(), BTreeSet::new());
    for _ in 0..PAGES {
        let page = answer("`list`", opened.tracker()?.list(request.clone()).await)?;
        issues.extend(page.issues);
        let Some(next) = page.next else { break };
        demand(seen.insert(next.clone()), "a `next` that leads on", &next)?;
        request.page = Some(next);
    }
    Ok(issues)
}

async fn pages_end(bench: Bench) -> Verdict {
    let mut ids = BTreeSet::new();
    for issue in listed(&bench, &bench.open()?, ListIssues::new()).await? {
        is_sound(&issue)?;
        demand(ids.insert(issue.id.clone()), "each issue once", &issue.id)?;
    }
    Ok(())
}

async fn list_filters(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for state in [IssueState::Open, IssueState::Closed] {
        let mut request = ListIssues::new();
        request.state = Some(state);
        for issue in listed(&bench, &opened, request).await? {
            demand(issue.state == state, format!("only issues that are {state:?}"), &issue)?;
        }
    }
    let mut request = ListIssues::new();
    request.labels = vec![NOBODYS.to_owned()];
    let labelled = listed(&bench, &opened, request).await?;
    demand(labelled.is_empty(), "no issue with a label that nobody uses", labelled.first())
}

async fn list_agrees(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let Some(issue) = listed(&bench, &opened, ListIssues::new()).await?.into_iter().next() else {
        return skipped("`list` answers no issue");
    };
    let got = answer("`get` of an issue of the list", opened.tracker()?.get(get(&bench, &issue.id)).await)?;
    equal("the issue's id, title and state", &(issue.id, issue.title, issue.state), &(got.id, got.title, got.state))
}

async fn described(opened: &Opened, issue: &Issue) -> Verdict<IssueText> {
    answer("`describe`", opened.tracker()?.describe(DescribeIssue::new(issue.clone())).await)
}

async fn describe_says(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let mut issue = Issue::new("12", "Fix the parser", IssueState::Open);
    "It fails on empty input.".clone_into(&mut issue.body);
    let mut issues = vec![issue];
    if bench.samples.has("issue") {
        issues.push(the_issue(&bench, &opened).await?);
    }
    for issue in issues {
        let text = described(&opened, &issue).await?;
        demand(is_one_line(&text.label), "a label of one line", &text)?;
        demand(text.prompt.contains(issue.title.trim()), "a prompt with the issue's title", &text)?;
    }
    Ok(())
}

async fn describe_takes_any(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    for text in hostile_texts() {
        let mut issue = Issue::new(text.as_str(), text.as_str(), IssueState::Unknown);
        issue.body = text;
        described(&opened, &issue).await?;
    }
    Ok(())
}

async fn finds_nothing(bench: Bench) -> Verdict {
    let tracker = bench.open()?.tracker()?;
    let target = bench.samples.text("issue").unwrap_or(NOBODYS).to_owned();
    match tracker.find_effect(effect(&bench, "ao-conformance-never-used", target)).await {
        Ok(proof) => demand(!matches!(proof, Proof::Found { .. }), "`absent` or `unknown`", proof),
        // Where it looks may not exist.
        Err(error) if error.code == Code::NOT_FOUND => Ok(()),
        Err(error) => answer("`find_effect`", Err(error)),
    }
}

/// A title that no other run makes.
fn title(bench: &Bench) -> String {
    let unique = bench.scratch.path().file_name().map(|name| name.to_string_lossy().into_owned());
    format!("Conformance {} {}", bench.door, unique.unwrap_or_default())
}

fn create(bench: &Bench, title: &str) -> CreateIssue {
    let mut request = CreateIssue::new(format!("key of {title}"), title);
    request.repository = bench.samples.text("repository").map(str::to_owned);
    request
}

async fn with_title(bench: &Bench, opened: &Opened, title: &str) -> Verdict<Vec<Issue>> {
    let all = listed(bench, opened, ListIssues::new()).await?;
    Ok(all.into_iter().filter(|issue| issue.title == title).collect())
}

/// An issue was made once, or what was made can be found by its key.
async fn made_once(bench: &Bench, opened: &Opened, request: &CreateIssue, target: &str) -> Verdict {
    let tracker = opened.tracker()?;
    let proof = tracker.find_effect(effect(bench, request.key.clone(), target)).await;
    if matches!(proof, Ok(Proof::Found { .. })) {
        return Ok(());
    }
    let made = with_title(bench, opened, &request.title).await?;
    demand(made.len() <= 1, "one issue, or `find_effect` that finds it", made)
}

async fn create_once(bench: Bench) -> Verdict {
    bench.effects()?;
    let (opened, request) = (bench.open()?, create(&bench, &title(&bench)));
    let tracker = opened.tracker()?;
    let first = answer("`create`", tracker.create(request.clone()).await)?;
    // A tracker that refuses the repeat tells that it happened.
    let again = tracker.create(request.clone()).await;
    if again.as_ref().is_ok_and(|again| again.id == first.id) {
        return Ok(());
    }
    made_once(&bench, &opened, &request, &first.id).await
}

async fn create_given_up(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    for (number, millis) in [0, 1, 20].into_iter().enumerate() {
        let request = create(&bench, &format!("{} {number}", title(&bench)));
        let tracker = opened.tracker()?;
        let first = clock::abandoned_after(Duration::from_millis(millis), tracker.create(request.clone())).await;
        if let Some(first) = first {
            answer("`create`", first)?;
        }
        let made = with_title(&bench, &opened, &request.title).await?;
        demand(made.len() <= 1, "one issue or none", &made)?;
        // What the host does: it looks, and repeats only what is not there.
        if made.is_empty() {
            let again = answer("`create` with the same key", tracker.create(request.clone()).await)?;
            made_once(&bench, &opened, &request, &again.id).await?;
        }
    }
    Ok(())
}

async fn create_keeps_text(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    let mut request = create(&bench, &format!("{} – ünïcode 行 🦀 <b>&amp; \"quoted\"", title(&bench)));
    "-- first\n\n```\n$(id) `x` \\ 'y'\n```\n→ Ж".clone_into(&mut request.body);
    let made = answer("`create`", opened.tracker()?.create(request.clone()).await)?;
    let got = answer("`get` of the new issue", opened.tracker()?.get(get(&bench, &made.id)).await)?;
    equal("the title", &request.title, &got.title)?;
    equal("the body", &request.body.trim_end(), &got.body.replace("\r\n", "\n").trim_end())
}

async fn update_changes(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    let issue = the_issue(&bench, &opened).await?;
    let tracker = opened.tracker()?;
    for state in [IssueState::Closed, IssueState::Open, issue.state] {
        let key = format!("{} {state:?}", title(&bench));
        let mut request = UpdateIssue::new(key, issue.id.clone(), IssueChange::State { state });
        request.repository = bench.samples.text("repository").map(str::to_owned);
        let changed = answer("`update` of the state", tracker.update(request.clone()).await)?;
        equal("the state after the change", &state, &changed.state)?;
        equal("the state that `get` shows", &state, &the_issue(&bench, &opened).await?.state)?;
        // The same key is the same change.
        let _ = tracker.update(request).await;
        equal("the state after a repeat", &state, &the_issue(&bench, &opened).await?.state)?;
    }
    Ok(())
}

async fn update_missing(bench: Bench) -> Verdict {
    let id = bench.text("missing")?;
    let change = IssueChange::Comment { body: "conformance".to_owned() };
    let mut request = UpdateIssue::new("ao-conformance", id, change);
    request.repository = bench.samples.text("repository").map(str::to_owned);
    let came = bench.open()?.tracker()?.update(request).await;
    refused("`update` of the sample `missing`", came, &[Code::NOT_FOUND]).map(drop)
}

async fn update_edits(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    let tracker = opened.tracker()?;
    let title = title(&bench);
    let first = answer("`create`", tracker.create(create(&bench, &format!("{title} first"))).await)?;
    let made = answer("`create`", tracker.create(create(&bench, &title)).await)?;
    let (new, body) = (format!("{title} – edited"), "- new\n\n→ `text`".to_owned());
    let issues = vec![first.id.clone()];
    for change in [
        IssueChange::Edit { title: Some(new.clone()), body: None },
        IssueChange::Edit { title: None, body: Some(body.clone()) },
        IssueChange::BlockedBy { issues: issues.clone() },
    ] {
        let mut request = UpdateIssue::new(format!("key of {change:?} {title}"), made.id.clone(), change);
        request.repository = bench.samples.text("repository").map(str::to_owned);
        answer("`update` of the title, the text or what must be done first", tracker.update(request).await)?;
    }
    let got = answer("`get` of the changed issue", tracker.get(get(&bench, &made.id)).await)?;
    equal("the title", &new, &got.title)?;
    equal("the text", &body.trim_end(), &got.body.replace("\r\n", "\n").trim_end())?;
    equal("what must be done first", &issues, &got.blocked_by)
}

async fn comments_are_equal(bench: Bench) -> Verdict {
    let id = bench.text("issue")?;
    let opened = bench.open()?;
    let first = answer("`comments` of the sample `issue`", opened.tracker()?.comments(get(&bench, &id)).await)?;
    for comment in &first {
        demand(is_one_line(&comment.author), "an author of one line", comment)?;
    }
    let again = answer("`comments`, again", opened.tracker()?.comments(get(&bench, &id)).await)?;
    equal("the same comments", &first, &again)
}

async fn comments_missing(bench: Bench) -> Verdict {
    let id = bench.text("missing")?;
    let came = bench.open()?.tracker()?.comments(get(&bench, &id)).await;
    refused("`comments` of the sample `missing`", came, &[Code::NOT_FOUND]).map(drop)
}

async fn comments_show(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    let tracker = opened.tracker()?;
    let title = title(&bench);
    let made = answer("`create`", tracker.create(create(&bench, &title)).await)?;
    // Before anything is said: a tracker that cannot show it has nothing to show.
    answer("`comments` of the new issue", tracker.comments(get(&bench, &made.id)).await)?;
    let said = ["first\n\n```\n<!-- $(id) -->\n```".to_owned(), "second → Ж".to_owned()];
    for body in &said {
        let change = IssueChange::Comment { body: body.clone() };
        let mut request = UpdateIssue::new(format!("key of {body} {title}"), made.id.clone(), change);
        request.repository = bench.samples.text("repository").map(str::to_owned);
        answer("`update` with a comment", tracker.update(request).await)?;
    }
    let shown = answer("`comments` of the new issue", tracker.comments(get(&bench, &made.id)).await)?;
    let shown: Vec<_> = shown.iter().map(|comment| comment.body.replace("\r\n", "\n").trim_end().to_owned()).collect();
    equal("what was said", &said.to_vec(), &shown)
}

/// Asks about an effect in the repository of the samples.
fn effect(bench: &Bench, key: impl Into<String>, target: impl Into<String>) -> FindEffect {
    let mut request = FindEffect::new(key, target);
    request.repository = bench.samples.text("repository").map(str::to_owned);
    request
}
