//! Changes a pull request: what a change comes to is a pure function, tried again where somebody else was quicker.

use ao_plugin_sdk::prelude::*;

use super::entry::{Entry, What};
use super::oid::Oid;
use super::pull::{self, Pull};
use super::record::{self, Merged, Record, State};
use super::refs::Refs;
use super::repository::Repository;
use super::standing::{self, Standing};
use super::write::{self, Change, Written};
use super::{LocalScm, decide, identity, open, text};
use crate::clock;
use crate::lock::{Lock, Of};

pub(super) async fn update(scm: &LocalScm, request: UpdatePull) -> Result<PullRef> {
    let repository = scm.repository(&request.repository).await?;
    let number = request.pull.number;
    let author = match &request.author {
        Some(author) => text::author(author)?,
        None => identity::name(&repository).await?,
    };
    let _held = match request.change {
        PullChange::Reopen => Some(Lock::take(&repository.common, Of::OpenPulls).await?),
        _ => None,
    };
    for _ in 0..write::TRIES {
        let (refs, pull) = pull::one(scm, &repository, &request.pull).await?;
        if pull.made_by(&request.key).is_some() {
            return Ok(PullRef::new(number));
        }
        let standing = standing::of_one(scm, &repository, &refs, &pull).await?;
        let by = By { key: &request.key, author: &author, at: clock::now() };
        let Some((said, record, entries)) = apply(&pull, &refs, &standing, &request.change, &by)? else {
            return Ok(PullRef::new(number));
        };
        if matches!(request.change, PullChange::Reopen) {
            lonely(scm, &repository, &refs, &pull).await?;
        }
        let message = format!("{said} pull request {number}");
        let change = Change { number, from: Some(&pull), record: &record, entries, message };
        if let Written::Done { .. } = write::write(&repository, &change).await? {
            return Ok(PullRef::new(number));
        }
    }
    Err(write::never(number))
}

/// Who changes it, and when.
struct By<'a> {
    key: &'a str,
    author: &'a str,
    at: Timestamp,
}

/// What is written, and in a word what it does to it.
type Applied = Option<(&'static str, Record, Vec<(u64, Entry)>)>;

/// What a change comes to; none where it is so already.
fn apply(pull: &Pull, refs: &Refs, standing: &Standing, change: &PullChange, by: &By<'_>) -> Result<Applied> {
    let mut record = settled(pull, standing);
    record.updated_at = by.at;
    let next = pull.next_entry();
    let entry = |what| Entry {
        version: record::VERSION,
        key: by.key.to_owned(),
        author: by.author.to_owned(),
        at: by.at,
        what,
    };
    let number = pull.number;
    let is_open = |doing: &str| match standing.state {
        State::Open => Ok(()),
        State::Closed => Err(Error::conflict(format!(
            "pull request {number} is closed, so {doing}; open it again first (`ao pr reopen {number}`)"
        ))),
        State::Merged => Err(Error::conflict(format!("pull request {number} is merged, so {doing}"))),
    };
    let (said, whats) = match change {
        PullChange::Close if standing.state == State::Closed => return Ok(None),
        PullChange::Close => {
            is_open("it cannot be closed")?;
            record.state = State::Closed;
            ("close", vec![What::Closed])
        }
        PullChange::Reopen if standing.state == State::Open => return Ok(None),
        PullChange::Reopen => {
            if standing.state == State::Merged {
                is_open("it cannot be opened again: open another one")?;
            }
            if refs.head(&record.branch).is_none() {
                return Err(Error::not_found(format!(
                    "the branch `{}` of pull request {number} is gone: bring it back with `git branch {} {}`",
                    record.branch,
                    text::word(record.branch.as_str()),
                    record.head
                )));
            }
            record.state = State::Open;
            ("reopen", vec![What::Reopened])
        }
        PullChange::Ready => {
            is_open("it cannot become ready")?;
            if !record.draft {
                return Ok(None);
            }
            record.draft = false;
            ("ready", vec![What::Readied])
        }
        PullChange::Edit { title: None, body: None } => {
            return Err(Error::invalid_input("neither a title nor a text is given").at_field("change"));
        }
        PullChange::Edit { title, body } => {
            if let Some(title) = title {
                record.title = text::title(title)?;
            }
            if let Some(body) = body {
                record.body = text::body(body, "body")?;
            }
            ("edit", vec![What::Edited])
        }
        PullChange::Comment { body, thread } => {
            let body = text::said(body)?;
            let thread = thread.as_deref().map(|thread| find_thread(pull, thread)).transpose()?;
            ("comment on", vec![What::Comment { body, thread, path: None, line: None, review: None }])
        }
        PullChange::Review { head, verdict, body, remarks } => {
            is_open("it cannot be reviewed; comment on it instead")?;
            let reviewed = Oid::expected(head, "change.head")?;
            if *verdict == Verdict::Unknown {
                return Err(Error::unsupported("this version of the plugin does not know this verdict"));
            }
            if *verdict == Verdict::Approve && is_own(&record, by.author) {
                return Err(Error::new(
                    Code::UNAUTHORIZED,
                    format!("pull request {number} is the session's own: another session or a human has to approve it"),
                ));
            }
            ("review", review(reviewed, *verdict, body, remarks, next)?)
        }
        PullChange::Resolve { thread } => {
            let thread = find_thread(pull, thread)?;
            if decide::is_resolved(&pull.entries, thread) {
                return Ok(None);
            }
            ("resolve a thread of", vec![What::Resolved { thread }])
        }
        _ => return Err(Error::unsupported("this version of the plugin does not know this change")),
    };
    let entries = (next..).zip(whats.into_iter().map(entry)).collect();
    Ok(Some((said, record, entries)))
}

/// The record as it is true now: what was found by looking is written down with the next change.
pub(super) fn settled(pull: &Pull, standing: &Standing) -> Record {
    let mut record = pull.record.clone();
    if record.state == State::Open || standing.state == State::Merged {
        if standing.is_ahead || standing.state == State::Merged {
            record.head = standing.head.clone();
        }
        if let Some(base) = standing.base.as_ref().filter(|_| standing.is_ahead) {
            record.base_commit = base.clone();
        }
        if let Some(commit) = &standing.merged_as {
            record.merged = Some(Merged { commit: commit.clone(), key: None });
        }
        record.state = standing.state;
    }
    record
}

/// Whether an author is the one who opened it, as far as that is an agent.
fn is_own(record: &Record, author: &str) -> bool {
    let Some(session) = author.strip_prefix(decide::SESSION) else { return false };
    record.author == author || record.session.as_ref().is_some_and(|own| own.as_str() == session)
}

/// The review's entry, and one for each remark about a line.
fn review(head: Oid, verdict: Verdict, body: &str, remarks: &[LineRemark], number: u64) -> Result<Vec<What>> {
    if remarks.len() > text::REMARKS {
        let (most, count) = (text::REMARKS, remarks.len());
        return Err(Error::invalid_input(format!(
            "a review holds at most {most} remarks about lines; these are {count}"
        ))
        .at_field("change.remarks"));
    }
    let mut whats = vec![What::Review { head, verdict, body: text::body(body, "change.body")? }];
    for remark in remarks {
        if remark.line == 0 {
            return Err(Error::invalid_input("lines are counted from 1 on").at_field("change.remarks.line"));
        }
        whats.push(What::Comment {
            body: text::said(&remark.body)?,
            thread: None,
            path: Some(text::path(&remark.path)?),
            line: Some(remark.line),
            review: Some(number),
        });
    }
    Ok(whats)
}

fn find_thread(pull: &Pull, thread: &str) -> Result<u64> {
    let found = thread.parse().ok().and_then(|number| decide::thread_of(&pull.entries, number));
    found.ok_or_else(|| {
        let shown: String = thread.chars().take(40).flat_map(char::escape_debug).collect();
        Error::not_found(format!("pull request {} has no thread `{shown}`", pull.number)).at_field("change.thread")
    })
}

/// Refuses to reopen where another one of the same branch into the same base is open.
async fn lonely(scm: &LocalScm, repository: &Repository<'_>, refs: &Refs, pull: &Pull) -> Result<()> {
    match open::standing_open(scm, repository, refs, &pull.record.branch, &pull.record.base).await? {
        Some(other) => Err(open::exists(other, &pull.record.branch, &pull.record.base)),
        None => Ok(()),
    }
}
