//! What reviewers say, and what follows.

use ao_plugin_sdk::prelude::*;

use super::forge::Forge;

fn review(head: &str, verdict: Verdict) -> PullChange {
    PullChange::Review { head: head.into(), verdict, body: "Looked.".into(), remarks: Vec::new() }
}

#[tokio::test]
async fn a_review_is_of_a_commit() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let first = forge.show(&pull).await.head;
    let decide = async |key: &str, who: &str, head: &str, verdict| {
        forge.update(key, who, &pull, review(head, verdict)).await.expect(key);
        forge.show(&pull).await.decision
    };
    assert_eq!(decide("1", "ann", &first, Verdict::Comment).await, ReviewDecision::Wanted);
    assert_eq!(decide("2", "ann", &first, Verdict::Approve).await, ReviewDecision::Approved);
    let second = forge.commit("feature", "main", "a.txt", "two\n").await;
    assert_eq!(forge.show(&pull).await.decision, ReviewDecision::Wanted, "that was of another commit");
    assert_eq!(decide("3", "bob", &second, Verdict::RequestChanges).await, ReviewDecision::ChangesRequested);
    let third = forge.commit("feature", "main", "a.txt", "three\n").await;
    assert_eq!(decide("4", "ann", &third, Verdict::Approve).await, ReviewDecision::ChangesRequested);
    assert_eq!(decide("5", "bob", &third, Verdict::Approve).await, ReviewDecision::Approved);
    for head in ["HEAD", "--all", &third[..12]] {
        let error = forge.update("6", "ann", &pull, review(head, Verdict::Approve)).await.expect_err(head);
        assert_eq!(error.code, Code::INVALID_INPUT);
    }
}

#[tokio::test]
async fn nobody_approves_a_pull_request_of_their_own_session() {
    let forge = Forge::new().await;
    forge.commit("feature", "main", "a.txt", "one\n").await;
    let mut request = forge.open_request("feature");
    request.session = Some("app-1".parse().expect("id"));
    let pull = forge.scm.open_pull(request).await.expect("open");
    let head = forge.show(&pull).await.head;
    let error = forge.update("1", "session:app-1", &pull, review(&head, Verdict::Approve)).await.expect_err("its own");
    assert_eq!(error.code, Code::UNAUTHORIZED);
    forge.update("2", "session:app-1", &pull, review(&head, Verdict::Comment)).await.expect("it may speak");
    assert_eq!(forge.show(&pull).await.decision, ReviewDecision::Wanted);
    forge.update("3", "session:app-2", &pull, review(&head, Verdict::Approve)).await.expect("another session");
    assert_eq!(forge.show(&pull).await.decision, ReviewDecision::Approved);
}

#[tokio::test]
async fn remarks_begin_threads_that_are_answered_and_resolved() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let head = forge.show(&pull).await.head;
    let remarks = vec![LineRemark::new("a.txt", 1_u64, "Why?"), LineRemark::new("dir/ä b.txt", 7_u64, "Hm.")];
    let change =
        PullChange::Review { head: head.clone(), verdict: Verdict::RequestChanges, body: String::new(), remarks };
    forge.update("review", "ann", &pull, change.clone()).await.expect("review");
    forge.update("review", "ann", &pull, change).await.expect("once");
    let threads = forge.show(&pull).await.threads;
    let seen: Vec<_> = threads.iter().map(|it| (it.path.as_deref(), it.line, it.author.as_str(), it.bot)).collect();
    assert_eq!(seen, [(Some("a.txt"), Some(1), "ann", false), (Some("dir/ä b.txt"), Some(7), "ann", false)]);
    let answer = |thread: &str| PullChange::Comment { body: "Because.".into(), thread: Some(thread.into()) };
    forge.update("answer", "session:app-1", &pull, answer(&threads[0].id)).await.expect("answer");
    let answered = &forge.show(&pull).await.threads[0];
    assert_eq!(
        (answered.id.as_str(), answered.body.as_str(), answered.bot),
        (threads[0].id.as_str(), "Because.", true)
    );
    let resolve = |thread: &str| PullChange::Resolve { thread: thread.into() };
    forge.update("resolve", "ann", &pull, resolve(&threads[0].id)).await.expect("resolve");
    assert_eq!(forge.show(&pull).await.threads, [threads[1].clone()]);
    let request = ConversationRequest::new(forge.repository.as_str(), pull.clone());
    let said = forge.scm.conversation(request).await.expect("conversation").remarks;
    let seen: Vec<_> = said.iter().map(|it| (it.verdict, it.resolved, it.head.as_deref(), it.body.as_str())).collect();
    let expected = [
        (Some(Verdict::RequestChanges), false, Some(head.as_str()), ""),
        (None, true, None, "Why?"),
        (None, false, None, "Hm."),
        (None, true, None, "Because."),
    ];
    assert_eq!(seen, expected);
    for thread in ["99", "x", "1"] {
        let error = forge.update("wrong", "ann", &pull, answer(thread)).await.expect_err(thread);
        assert_eq!(error.code, Code::NOT_FOUND);
    }
}

#[tokio::test]
async fn who_says_nothing_of_themselves_is_who_git_says() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    assert_eq!(forge.show(&pull).await.author.as_deref(), Some("Test"));
}
