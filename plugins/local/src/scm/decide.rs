//! What follows from what was said: the decision, the threads, the conversation. Pure functions over entries.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use super::Review;
use super::entry::{Entry, What};
use super::oid::Oid;

type Entries = BTreeMap<u64, Entry>;

/// What reviewers decided, where a review is wanted from the beginning or not. Each reviewer's latest verdict counts, and a comment is none.
///
/// An approval is of a commit: once the head is another, it does not count, and another review is wanted. Changes that were
/// asked for stay asked for, at whatever head, until that reviewer decides otherwise.
pub(super) fn decision(entries: &Entries, head: &Oid, review: Review) -> ReviewDecision {
    let mut latest: BTreeMap<&str, (Verdict, &Oid)> = BTreeMap::new();
    for entry in entries.values() {
        if let What::Review { head, verdict: verdict @ (Verdict::Approve | Verdict::RequestChanges), .. } = &entry.what
        {
            latest.insert(&entry.author, (*verdict, head));
        }
    }
    if latest.values().any(|(verdict, _)| *verdict == Verdict::RequestChanges) {
        return ReviewDecision::ChangesRequested;
    }
    if latest.values().any(|(_, reviewed)| *reviewed == head) {
        return ReviewDecision::Approved;
    }
    if latest.is_empty() && review == Review::Optional { ReviewDecision::None } else { ReviewDecision::Wanted }
}

/// The thread that a comment is part of, by any of its comments.
pub(super) fn thread_of(entries: &Entries, number: u64) -> Option<u64> {
    match &entries.get(&number)?.what {
        What::Comment { thread, .. } => Some(thread.unwrap_or(number)),
        _ => None,
    }
}

/// Threads, and whether each is resolved. An answer to a resolved one opens it again.
fn threads(entries: &Entries) -> BTreeMap<u64, Resolution> {
    let mut threads = BTreeMap::new();
    for (number, entry) in entries {
        match &entry.what {
            What::Comment { thread, .. } => {
                threads.insert(thread.unwrap_or(*number), Resolution::Open);
            }
            What::Resolved { thread } => {
                threads.insert(*thread, Resolution::Resolved);
            }
            _ => {}
        }
    }
    threads
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    Open,
    Resolved,
}

/// Whether a thread is resolved.
pub(super) fn is_resolved(entries: &Entries, thread: u64) -> bool {
    threads(entries).get(&thread) == Some(&Resolution::Resolved)
}

/// The threads that are not resolved, each with its last comment.
pub(super) fn unresolved(entries: &Entries) -> Vec<Thread> {
    let open = threads(entries).into_iter().filter(|(_, resolution)| *resolution == Resolution::Open);
    open.filter_map(|(root, _)| thread(entries, root)).collect()
}

fn thread(entries: &Entries, root: u64) -> Option<Thread> {
    let last = entries.iter().rev().find_map(|(number, entry)| match &entry.what {
        What::Comment { body, thread, .. } if thread.unwrap_or(*number) == root => Some((entry, body)),
        _ => None,
    });
    let (entry, body) = last?;
    let mut thread = Thread::new(root.to_string(), entry.author.as_str(), body.as_str());
    thread.at = Some(entry.at);
    thread.bot = is_program(&entry.author);
    if let Some(What::Comment { path, line, .. }) = entries.get(&root).map(|entry| &entry.what) {
        (thread.path, thread.line) = (path.clone(), *line);
    }
    Some(thread)
}

/// Whether an author is a session's agent.
fn is_program(author: &str) -> bool {
    author.starts_with(SESSION)
}

/// How an author begins who is a session's agent; its id follows.
pub(super) const SESSION: &str = "session:";

/// What was said, in its order.
pub(super) fn remarks(entries: &Entries) -> Vec<Remark> {
    let threads = threads(entries);
    let remark = |number: &u64, entry: &Entry| {
        let remark = |body: &str| Remark::new(number.to_string(), entry.author.as_str(), entry.at, body);
        match &entry.what {
            What::Comment { body, thread, path, line, .. } => {
                let root = thread.unwrap_or(*number);
                let mut remark = remark(body);
                remark.thread = Some(root.to_string());
                remark.resolved = threads.get(&root) == Some(&Resolution::Resolved);
                (remark.path, remark.line) = (path.clone(), *line);
                Some(remark)
            }
            What::Review { head, verdict, body } => {
                let mut remark = remark(body);
                (remark.verdict, remark.head) = (Some(*verdict), Some(head.to_string()));
                Some(remark)
            }
            What::Resolved { .. } | What::Closed | What::Reopened | What::Readied | What::Edited => None,
        }
    };
    entries.iter().filter_map(|(number, entry)| remark(number, entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(letter: char) -> Oid {
        Oid::try_from(letter.to_string().repeat(40)).expect("a name")
    }

    fn entries(said: Vec<(&str, What)>) -> Entries {
        let entry = |(number, (author, what)): (u64, (&str, What))| {
            let at = Timestamp::from_millis(i64::try_from(number).expect("small"));
            (number, Entry { version: 1, key: format!("k{number}"), author: author.to_owned(), at, what })
        };
        (1..).zip(said).map(entry).collect()
    }

    fn review(letter: char, verdict: Verdict) -> What {
        What::Review { head: oid(letter), verdict, body: String::new() }
    }

    fn comment(thread: Option<u64>) -> What {
        What::Comment { body: "x".into(), thread, path: None, line: None, review: None }
    }

    #[test]
    fn the_latest_verdict_of_each_reviewer_counts_at_this_head() {
        use Verdict::{Approve, Comment, RequestChanges};
        let table = [
            (vec![], ReviewDecision::Wanted),
            (vec![("a", review('a', Comment))], ReviewDecision::Wanted),
            (vec![("a", review('a', Approve))], ReviewDecision::Approved),
            (vec![("a", review('b', Approve))], ReviewDecision::Wanted),
            (vec![("a", review('b', Approve)), ("b", review('a', Approve))], ReviewDecision::Approved),
            (vec![("a", review('b', RequestChanges)), ("b", review('a', Approve))], ReviewDecision::ChangesRequested),
            (vec![("a", review('b', RequestChanges)), ("a", review('a', Approve))], ReviewDecision::Approved),
            (vec![("a", review('a', RequestChanges)), ("a", review('a', Comment))], ReviewDecision::ChangesRequested),
            (vec![("a", review('a', Approve)), ("a", review('a', RequestChanges))], ReviewDecision::ChangesRequested),
        ];
        for (said, expected) in table {
            assert_eq!(decision(&entries(said.clone()), &oid('a'), Review::Wanted), expected, "{said:?}");
        }
        // Where nobody has to look, nobody is waited for; whoever has looked decides all the same.
        assert_eq!(decision(&entries(vec![]), &oid('a'), Review::Optional), ReviewDecision::None);
        let of_another = vec![("a", review('b', Approve))];
        assert_eq!(decision(&entries(of_another), &oid('a'), Review::Optional), ReviewDecision::Wanted);
    }

    #[test]
    fn a_thread_is_resolved_until_somebody_answers() {
        let mut said = vec![("a", comment(None)), ("session:x-1", comment(Some(1))), ("a", comment(None))];
        let open = unresolved(&entries(said.clone()));
        assert_eq!(open.iter().map(|thread| thread.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!((open[0].author.as_str(), open[0].bot, open[1].bot), ("session:x-1", true, false));
        said.push(("a", What::Resolved { thread: 1 }));
        assert_eq!(unresolved(&entries(said.clone())).len(), 1);
        assert!(remarks(&entries(said.clone()))[1].resolved);
        said.push(("a", comment(Some(1))));
        assert_eq!(unresolved(&entries(said)).len(), 2);
    }
}
