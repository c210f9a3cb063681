//! Pages of pull requests, the newest first.

use ao_plugin_sdk::prelude::*;

use super::record::State;
use super::{LocalScm, pull, refs, standing, view};

/// Pull requests on a page.
const PAGE: usize = 100;

pub(super) async fn list(scm: &LocalScm, request: ListPulls) -> Result<PullPage> {
    let below = match request.page.as_deref() {
        None => u64::MAX,
        Some(page) => page.parse().map_err(|_| {
            Error::invalid_input("this page is not one that a former answer named in `next`").at_field("page")
        })?,
    };
    let wanted = match request.state {
        None => None,
        Some(PullState::Open) => Some(State::Open),
        Some(PullState::Closed) => Some(State::Closed),
        Some(PullState::Merged) => Some(State::Merged),
        Some(_) => return Err(Error::unsupported("this version of the plugin does not know this state")),
    };
    let repository = scm.repository(&request.repository).await?;
    let refs = refs::look(&repository).await?;
    let mut pulls = pull::all(scm, &repository, &refs).await?;
    pulls.retain(|pull| pull.number < below);
    pulls.retain(|pull| request.branch.as_ref().is_none_or(|branch| pull.record.branch == *branch));
    // What was merged stays that; any other may have been merged by hand.
    pulls.retain(|pull| wanted.is_none_or(|wanted| pull.record.state == wanted || pull.record.state != State::Merged));
    pulls.reverse();
    if wanted.is_none() {
        pulls.truncate(PAGE + 1);
    }
    let standings = standing::of(scm, &repository, &refs, &pulls).await?;
    let mut shown = Vec::new();
    for (pull, standing) in pulls.iter().zip(standings) {
        match standing {
            Err(error) => tracing::warn!(number = pull.number, %error, "a pull request is left out"),
            Ok(standing) if wanted.is_none_or(|wanted| standing.state == wanted) => {
                shown.push(view::brief(pull, &standing, scm.config.review));
            }
            Ok(_) => {}
        }
    }
    let is_more = shown.len() > PAGE;
    shown.truncate(PAGE);
    let next = shown.last().map(|last| last.pull.number.to_string()).filter(|_| is_more);
    let mut page = PullPage::new(shown);
    page.next = next;
    Ok(page)
}
