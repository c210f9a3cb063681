//! The SCM slot's contract as checks.

use std::collections::BTreeMap;

use ao_core::Code;
use ao_core::model::BranchName;
use ao_core::slots::common::{FindEffect, Proof};
use ao_core::slots::scm::{
    CheckLogRequest, CheckoutRequest, ConversationRequest, ListPulls, MergeMethod, MergeOutcome, MergeRequest,
    OpenPull, PullChange, PullDiffRequest, PullFound, PullRef, PullTarget, Snapshot, SnapshotRequest, UpdatePull,
    WebhookDelivery, WebhookVerdict,
};

use super::bench::{Bench, Opened};
use super::check::{Verdict, answer, checks, demand, equal, failed, refused};
use super::common::{doctor_request, session};
use super::request::{Must, Request, hostile_texts};
use super::sample::Samples;
use super::slot_kit;

/// A commit that no repository has.
const NO_COMMIT: &str = "1111111111111111111111111111111111111111";

slot_kit! {
    scm Scm ScmKit {
        text repository: "a repository, such as `acme/app`";
        text branch: "a branch of it that has a pull request";
        text pull: "the number of a pull request";
        text missing: "a number that no pull request has";
        text check_name: "the name of a check of the pull request";
        text new_branch: "a branch that has no pull request yet and may get one";
        text base: "the branch that pull requests go into";
    }
}

checks! {
    Every "scm.snapshot.one_entry_each": "`snapshot` answers one entry for each target; a branch without one is no error",
        "answer `absent` for what is not there and `unknown` for what could not be looked at" => one_entry_each;
    Every "scm.snapshot.finds_the_pull": "`snapshot` finds the pull request of a branch, with its head",
        "look pull requests up by branch where no number is given" => finds_the_pull;
    Every "scm.snapshot.repeated_is_equal": "looking again, also with the last `known`, gives the same pull requests",
        "treat `known` as a hint: what has not changed is answered all the same" => snapshot_is_equal;
    Every "scm.snapshot.survives_any_known": "a `known` that is not the plugin's own is survived",
        "begin anew where `known` cannot be read" => any_known;
    Every "scm.list.shows_the_pull": "`list` shows the pull request, once, and its pages end",
        "answer every pull request on one page each, and no `next` with the last" => list_shows;
    Every "scm.conversation.missing_is_not_found": "`conversation` of a pull request that is not there is `not_found`",
        "hand the service's answer on as `not_found`" => conversation_missing;
    Every "scm.diff.is_bounded": "`diff` answers at most the bytes that were asked for, and says where it cut",
        "cut the text at a character, and set `truncated`" => diff_is_bounded;
    Every "scm.check_log.is_bounded": "`check_log` answers at most the bytes that were asked for, without control sequences",
        "cut the log from its beginning, at a character, and strip escape sequences" => log_is_bounded;
    Every "scm.merge.moved_head_is_not_merged": "`merge` of another head than the expected one does not merge",
        "hand `expected_head` to the service, or compare before merging" => moved_head;
    Every "scm.open_pull.happens_once": "an `open_pull` that is repeated with its key opens one, or `find_effect` tells",
        "look for an open pull request of the branch first" => open_once;
    Every "scm.update.missing_is_not_found": "`update` of a pull request that is not there is answered with `not_found`",
        "hand the service's answer on as `not_found`" => update_missing;
    Every "scm.update.happens_once": "a comment that is repeated with its key is said once, or `find_effect` tells",
        "write the key down with what it made, and look for it first" => update_once;
    Every "scm.find_effect.finds_nothing_that_was_not": "an effect that nobody asked for is not `found`",
        "answer `absent`, or `unknown` where it cannot be told" => finds_nothing;
    Every "scm.checkout.names_a_ref": "`checkout` names a remote and a ref that cannot be taken for options",
        "answer a full ref, such as `refs/pull/12/head`" => checkout;
    Every "scm.webhook.unsigned_is_rejected": "a delivery without a valid signature is never `verified`",
        "compare the signature first, and parse the body after" => webhook;
}

fn branch(name: &str) -> BranchName {
    name.parse().expect("a branch of the kit's own")
}

fn target(number: u64) -> PullTarget {
    let id = format!("ao-conformance-{number}");
    PullTarget::new(session(&id), branch(&format!("ao/{id}")))
}

fn repository(samples: &Samples) -> &str {
    samples.text("repository").unwrap_or("ao-conformance/no-such")
}

pub(super) fn requests(samples: &Samples) -> Vec<Request> {
    let (at, pull, key) = (repository(samples), PullRef::new(999_999_999_u64), "ao-conformance");
    let merge = MergeRequest::new(key, at, pull.clone(), NO_COMMIT, MergeMethod::Merge);
    vec![
        Request::reads("snapshot", &SnapshotRequest::new(at, Vec::new())),
        Request::reads("list", &ListPulls::new(at)).word("state", Must::Survive),
        Request::reads("conversation", &ConversationRequest::new(at, pull.clone())),
        Request::reads("diff", &PullDiffRequest::new(at, pull.clone(), 100_u64)),
        Request::reads("check_log", &CheckLogRequest::new(at, pull.clone(), "check", 100_u64)),
        Request::changes("open_pull", &OpenPull::new(key, at, branch("ao/x-1"), branch("main"), "Conformance")),
        Request::changes("merge", &merge).word("method", Must::Refuse),
        Request::changes("update", &UpdatePull::new(key, at, pull.clone(), PullChange::Ready))
            .tagged("change", Must::Refuse),
        Request::reads("find_effect", &FindEffect::new(key, "999999999")),
        Request::reads("checkout", &CheckoutRequest::new(at, pull)),
        Request::reads("webhook", &WebhookDelivery::new(BTreeMap::new(), "{}")),
        doctor_request(),
    ]
}

pub(super) fn probe(samples: &Samples) -> Request {
    Request::reads("snapshot", &SnapshotRequest::new(repository(samples), vec![target(1), target(2)]))
}

async fn snapshot(opened: &Opened, request: SnapshotRequest) -> Verdict<Snapshot> {
    let mut asked: Vec<_> = request.targets.iter().map(|target| target.session.clone()).collect();
    let snapshot = answer("`snapshot`", opened.scm()?.snapshot(request).await)?;
    let mut seen: Vec<_> = snapshot.pulls.iter().map(|pull| pull.session.clone()).collect();
    asked.sort();
    seen.sort();
    equal("one entry for each target", &asked, &seen)?;
    Ok(snapshot)
}

async fn one_entry_each(bench: Bench) -> Verdict {
    let (opened, at) = (bench.open()?, bench.text("repository")?);
    snapshot(&opened, SnapshotRequest::new(at.as_str(), Vec::new())).await?;
    snapshot(&opened, SnapshotRequest::new(at, (1..=40).map(target).collect::<Vec<_>>())).await.map(drop)
}

fn sample(bench: &Bench) -> Verdict<SnapshotRequest> {
    let (at, name) = (bench.text("repository")?, bench.text("branch")?);
    let Ok(branch) = name.parse::<BranchName>() else { return failed("the sample `branch` is a branch name", name) };
    Ok(SnapshotRequest::new(at, vec![PullTarget::new(session("ao-conformance-1"), branch)]))
}

async fn finds_the_pull(bench: Bench) -> Verdict {
    let found = snapshot(&bench.open()?, sample(&bench)?).await?;
    match found.pulls.first().map(|pull| &pull.found) {
        Some(PullFound::Found { snapshot }) => {
            demand(!snapshot.head.trim().is_empty(), "the commit at its head", &snapshot.head)?;
            let url = snapshot.pull.url.as_ref();
            demand(url.is_none_or(|url| url.contains("://")), "a `url` that is an address, or none", url)
        }
        other => failed("the pull request of the sample `branch`", format!("{other:?}")),
    }
}

async fn snapshot_is_equal(bench: Bench) -> Verdict {
    let (opened, request) = (bench.open()?, sample(&bench)?);
    let first = snapshot(&opened, request.clone()).await?;
    for known in [None, first.known.clone()] {
        let mut again = request.clone();
        again.known = known;
        equal("the same pull requests", &first.pulls, &snapshot(&opened, again).await?.pulls)?;
    }
    Ok(())
}

async fn any_known(bench: Bench) -> Verdict {
    let (opened, at) = (bench.open()?, bench.text("repository")?);
    for known in hostile_texts() {
        let mut request = SnapshotRequest::new(at.as_str(), vec![target(1)]);
        request.known = Some(known);
        snapshot(&opened, request).await?;
    }
    Ok(())
}

fn pull(bench: &Bench, sample: &str) -> Verdict<PullRef> {
    let text = bench.text(sample)?;
    text.parse::<u64>().map(PullRef::new).or_else(|_| failed(format!("the sample `{sample}` is a number"), text))
}

async fn list_shows(bench: Bench) -> Verdict {
    let (scm, at, wanted) = (bench.open()?.scm()?, bench.text("repository")?, pull(&bench, "pull")?);
    let mut request = ListPulls::new(at);
    let mut seen = Vec::new();
    // More than any service has pages of for a sample.
    for _ in 0..1000 {
        let page = answer("`list`", scm.list(request.clone()).await)?;
        seen.extend(page.pulls.into_iter().map(|pull| pull.pull.number));
        request.page = page.next;
        if request.page.is_none() {
            let count = seen.iter().filter(|number| **number == wanted.number).count();
            return demand(count == 1, format!("the pull request {} once", wanted.number), seen);
        }
    }
    failed("a last page", "1000 pages, and another one after them")
}

async fn conversation_missing(bench: Bench) -> Verdict {
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let request = ConversationRequest::new(at, pull(&bench, "missing")?);
    refused("`conversation` of the sample `missing`", scm.conversation(request).await, &[Code::NOT_FOUND]).map(drop)
}

async fn diff_is_bounded(bench: Bench) -> Verdict {
    let (scm, at, pull) = (bench.open()?.scm()?, bench.text("repository")?, pull(&bench, "pull")?);
    for most in [0_u64, 1, 7, 1_000_000] {
        let request = PullDiffRequest::new(at.as_str(), pull.clone(), most);
        let diff = answer("`diff`", scm.diff(request).await)?;
        demand(diff.text.len() as u64 <= most, format!("at most {most} bytes"), &diff)?;
        demand(most > 7 || diff.truncated || diff.text.is_empty(), "`truncated`, where it was cut", &diff)?;
    }
    Ok(())
}

async fn update_once(bench: Bench) -> Verdict {
    bench.effects()?;
    let (scm, at, pull) = (bench.open()?.scm()?, bench.text("repository")?, pull(&bench, "pull")?);
    let key = format!("ao-conformance comment {}", bench.door);
    let body = format!("A comment of the conformance kit, {}.", bench.door);
    let change = PullChange::Comment { body: body.clone(), thread: None };
    let mut request = UpdatePull::new(key.as_str(), at.as_str(), pull.clone(), change);
    request.author = Some("ao-conformance".to_owned());
    answer("`update`", scm.update(request.clone()).await)?;
    let proof = scm.find_effect(effect(&bench, key, pull.number.to_string())).await;
    if matches!(proof, Ok(Proof::Found { .. })) {
        // Who can find it need not know it again.
        return Ok(());
    }
    answer("`update`", scm.update(request).await)?;
    let said = answer("`conversation`", scm.conversation(ConversationRequest::new(at, pull)).await)?;
    let count = said.remarks.iter().filter(|remark| remark.body == body).count();
    demand(count == 1, "one comment, or `find_effect` that finds it", said)
}

async fn log_is_bounded(bench: Bench) -> Verdict {
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let (pull, check) = (pull(&bench, "pull")?, bench.text("check_name")?);
    for most in [0_u64, 1, 7, 1000] {
        let request = CheckLogRequest::new(at.as_str(), pull.clone(), check.as_str(), most);
        let log = answer("`check_log`", scm.check_log(request).await)?;
        demand(log.text.len() as u64 <= most, format!("at most {most} bytes"), &log)?;
        demand(!log.text.contains('\u{1b}'), "no control sequence", &log)?;
    }
    Ok(())
}

async fn moved_head(bench: Bench) -> Verdict {
    bench.effects()?;
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let request = MergeRequest::new("ao-conformance", at, pull(&bench, "pull")?, NO_COMMIT, MergeMethod::Merge);
    match scm.merge(request).await {
        Ok(outcome @ (MergeOutcome::Merged { .. } | MergeOutcome::Queued)) => {
            failed("`head_moved`: nobody reviewed that commit", format!("{outcome:?}"))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            refused("`merge` of a commit that is not there", Err::<(), _>(error), &[Code::CONFLICT, Code::NOT_FOUND])
                .map(drop)
        }
    }
}

async fn open_once(bench: Bench) -> Verdict {
    bench.effects()?;
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let named = |sample: &str| -> Verdict<BranchName> {
        let text = bench.text(sample)?;
        text.parse().or_else(|_| failed(format!("the sample `{sample}` is a branch name"), text))
    };
    let (from, base) = (named("new_branch")?, named("base")?);
    let request =
        OpenPull::new(format!("ao-conformance {}", bench.door), at.as_str(), from.clone(), base, "Conformance");
    let first = match scm.open_pull(request.clone()).await {
        // Opened by another door before: a service remembers.
        Err(error) if error.code == Code::CONFLICT => {
            let asked = SnapshotRequest::new(at, vec![PullTarget::new(session("ao-conformance-1"), from)]);
            let seen = answer("`snapshot`", scm.snapshot(asked).await)?;
            let is_there = matches!(seen.pulls.first().map(|pull| &pull.found), Some(PullFound::Found { .. }));
            return demand(is_there, "a pull request of the branch, as `open_pull` says that there is one", error);
        }
        other => answer("`open_pull`", other)?,
    };
    let again = scm.open_pull(request.clone()).await;
    if again.as_ref().is_ok_and(|again| again.number == first.number) {
        return Ok(());
    }
    let proof = scm.find_effect(effect(&bench, request.key, first.number.to_string())).await;
    let told = matches!(proof, Ok(Proof::Found { .. }));
    demand(told || again.is_err(), "the same pull request, a refusal, or `find_effect` that finds it", again)
}

async fn update_missing(bench: Bench) -> Verdict {
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let request = UpdatePull::new("ao-conformance", at, pull(&bench, "missing")?, PullChange::Ready);
    refused("`update` of the sample `missing`", scm.update(request).await, &[Code::NOT_FOUND]).map(drop)
}

async fn finds_nothing(bench: Bench) -> Verdict {
    let target = bench.samples.text("pull").unwrap_or("999999999").to_owned();
    match bench.open()?.scm()?.find_effect(effect(&bench, "ao-conformance-never-used", target)).await {
        Ok(proof) => demand(!matches!(proof, Proof::Found { .. }), "`absent` or `unknown`", proof),
        Err(error) if error.code == Code::NOT_FOUND => Ok(()),
        Err(error) => answer("`find_effect`", Err(error)),
    }
}

async fn checkout(bench: Bench) -> Verdict {
    let (scm, at) = (bench.open()?.scm()?, bench.text("repository")?);
    let spec = answer("`checkout`", scm.checkout(CheckoutRequest::new(at, pull(&bench, "pull")?)).await)?;
    let is_safe = |text: &str| !text.trim().is_empty() && !text.starts_with('-') && !text.contains(char::is_control);
    demand(is_safe(&spec.remote) && is_safe(&spec.reference), "a remote and a ref", spec)
}

async fn webhook(bench: Bench) -> Verdict {
    let scm = bench.open()?.scm()?;
    for text in hostile_texts() {
        let headers = BTreeMap::from([
            ("x-hub-signature-256".to_owned(), format!("sha256={}", "0".repeat(64))),
            ("x-conformance".to_owned(), text.clone()),
        ]);
        let came = scm.webhook(WebhookDelivery::new(headers, text)).await;
        let verified = matches!(came, Ok(WebhookVerdict::Verified { .. }));
        demand(!verified, "`rejected`, or an error", came)?;
    }
    Ok(())
}

/// Asks about an effect in the repository of the samples.
fn effect(bench: &Bench, key: impl Into<String>, target: impl Into<String>) -> FindEffect {
    let mut request = FindEffect::new(key, target);
    request.repository = bench.samples.text("repository").map(str::to_owned);
    request
}
