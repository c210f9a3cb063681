//! Requests, one repository at a time: a shelf is looked at, a decision is made, a file is written.

use ao_plugin_sdk::prelude::*;

use super::change;
use super::document::Document;
use super::name;
use super::problem::{Flaw, Problem};
use super::shelf::{Listing, More, Read, Shelf, Writing, Written, read_each, read_one};
use crate::clock::now;
use crate::lock::{Lock, Of};

/// How often it is looked again, when somebody else was faster.
const ATTEMPTS: usize = 50;

/// How many issues a page has.
const PAGE: usize = 100;

/// The issues of a repository.
pub(super) struct Desk {
    /// Where they stand.
    pub(super) shelf: Box<dyn Shelf>,
    /// The repository's directory for locks.
    pub(super) common: Utf8PathBuf,
}

impl Desk {
    /// One issue with its comments.
    pub(super) async fn get(&self, id: &str) -> Result<(Issue, Vec<IssueComment>)> {
        let (number, _, document) = self.find(&self.shelf.listing().await?, id).await?;
        Ok((document.issue(number), document.comments()))
    }

    /// A page of issues. What cannot be read is told beside it, and is no reason to show nothing.
    pub(super) async fn list(&self, request: &ListIssues) -> Result<IssuePage> {
        let listing = self.shelf.listing().await?;
        let after = match &request.page {
            None => 0,
            Some(page) => name::number_of(page)
                .ok_or_else(|| Error::invalid_input("the page is none of this tracker's").at_field("page"))?,
        };
        if after == 0 {
            listing.problems.iter().for_each(tell);
        }
        let mut issues = Vec::new();
        let numbers = listing.leaves.range(after.saturating_add(1)..).map(|(number, _)| *number);
        read_each(&*self.shelf, &listing, numbers, |read| {
            match read.document {
                Ok(document) => {
                    issues.extend(Some(document.issue(read.number)).filter(|issue| is_wanted(request, issue)));
                }
                Err(problem) => tell(&problem),
            }
            if issues.len() > PAGE { More::Enough } else { More::Wanted }
        })
        .await?;
        let is_all = issues.len() <= PAGE;
        issues.truncate(PAGE);
        let next = issues.last().filter(|_| !is_all).map(|issue| issue.id.clone());
        let mut page = IssuePage::new(issues);
        page.next = next;
        Ok(page)
    }

    /// A new issue, or the one that this key made before.
    pub(super) async fn create(&self, request: &CreateIssue) -> Result<Issue> {
        let lock = Lock::take(&self.common, Of::Issues).await?;
        for _ in 0..ATTEMPTS {
            let listing = self.shelf.listing().await?;
            if let Some(made) = self.with_effect(&listing, &request.key).await? {
                return Ok(made);
            }
            there_are(&listing, &request.blocked_by)?;
            let (number, writing) = change::create(request, listing.highest, now())?;
            if let Some(document) = self.put(&listing, writing, &lock).await? {
                return Ok(document.issue(number));
            }
        }
        Err(restless())
    }

    /// An issue after a change, which happens once a key.
    pub(super) async fn update(&self, request: &UpdateIssue) -> Result<Issue> {
        let lock = Lock::take(&self.common, Of::Issues).await?;
        for _ in 0..ATTEMPTS {
            let listing = self.shelf.listing().await?;
            let (number, name, document) = self.find(&listing, &request.id).await?;
            if change::has_effect(&document, &change::mark(&request.key)) {
                return Ok(document.issue(number));
            }
            if let IssueChange::BlockedBy { issues } = &request.change {
                there_are(&listing, issues)?;
            }
            let (text, message) = change::update(request, number, &document, now())?;
            let writing = Writing { name, before: Some(document.text().to_owned()), text, message };
            if let Some(document) = self.put(&listing, writing, &lock).await? {
                return Ok(document.issue(number));
            }
        }
        Err(restless())
    }

    /// The issue that an effect with this key was on.
    pub(super) async fn effect(&self, key: &str) -> Result<Option<Issue>> {
        self.with_effect(&self.shelf.listing().await?, key).await
    }

    /// Everything that is meant as an issue and cannot be used, and how many can.
    pub(super) async fn problems(&self) -> Result<(Vec<Problem>, usize)> {
        let listing = self.shelf.listing().await?;
        let (mut problems, mut sound) = (listing.problems.clone(), 0);
        read_each(&*self.shelf, &listing, listing.leaves.keys().copied(), |read| {
            match read.document {
                Ok(_) => sound += 1,
                Err(problem) => problems.push(problem),
            }
            More::Wanted
        })
        .await?;
        Ok((problems, sound))
    }

    async fn find(&self, listing: &Listing, id: &str) -> Result<(u64, String, Document)> {
        let absent = || Error::not_found(format!("there is no issue `{}`", id.escape_debug()));
        let number = name::number_of(id).ok_or_else(absent)?;
        let Some(Read { name, document, .. }) = read_one(&*self.shelf, listing, number).await? else {
            // It may be there and be refused.
            let shown = |problem: &&Problem| name::read(file_name(&problem.file)) == name::Named::Issue(number);
            return Err(listing.problems.iter().find(shown).map_or_else(absent, Problem::error));
        };
        let document = document.map_err(|problem| problem.error())?;
        Ok((number, name, document))
    }

    async fn with_effect(&self, listing: &Listing, key: &str) -> Result<Option<Issue>> {
        let (mark, mut found) = (change::mark(key), None);
        // The newest first: what is asked for again was asked for a moment ago.
        read_each(&*self.shelf, listing, listing.leaves.keys().rev().copied(), |read| {
            let document = read.document.ok().filter(|document| change::has_effect(document, &mark));
            found = document.map(|document| document.issue(read.number));
            if found.is_some() { More::Enough } else { More::Wanted }
        })
        .await?;
        Ok(found)
    }

    /// Writes a file; nothing where somebody else was faster.
    async fn put(&self, listing: &Listing, writing: Writing, lock: &Lock) -> Result<Option<Document>> {
        let text = writing.text.clone();
        // What would not be read is not written.
        let document = Document::parse(&text).map_err(|Flaw { why, .. }| Error::other(why))?;
        let written = self.shelf.write(listing, writing, lock.clone()).await?;
        Ok((written == Written::Done).then_some(document))
    }
}

fn is_wanted(request: &ListIssues, issue: &Issue) -> bool {
    let state = request.state.is_none_or(|state| state == issue.state);
    state && request.labels.iter().all(|label| issue.labels.contains(label))
}

fn there_are(listing: &Listing, issues: &[String]) -> Result<()> {
    for number in change::numbers(issues)? {
        if number.parse().is_ok_and(|number: u64| !listing.leaves.contains_key(&number)) {
            return Err(Error::invalid_input(format!("there is no issue {number} that another could wait for")));
        }
    }
    Ok(())
}

fn file_name(shown: &str) -> &str {
    shown.rsplit(['/', ':']).next().unwrap_or(shown)
}

fn tell(problem: &Problem) {
    tracing::warn!("{problem}; {}", problem.flaw.remedy);
}

fn restless() -> Error {
    Error::unavailable("somebody else keeps changing the issues; try again")
}
