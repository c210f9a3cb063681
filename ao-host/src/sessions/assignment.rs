//! From an issue's id on the command line to what a session is given of it: the tracker is asked, and believed no
//! further than its answer can be checked.

use ao_core::lifecycle::Assignment;
use ao_core::model::IssueId;
use ao_core::slots::Tracker;
use ao_core::slots::tracker::{DescribeIssue, GetIssue};
use ao_core::{Code, Error, Result};

use super::Bound;

/// Asks the tracker for an issue of this [repository](ao_core::config::Project::repository). Its errors keep their codes:
/// what is not found is not found.
pub async fn assignment(tracker: &Bound<dyn Tracker>, id: &IssueId, repository: &str) -> Result<Assignment> {
    let plugin = &tracker.plugin;
    let failed = |error: Error| error.context(format!("cannot get the issue `{id}` from the tracker `{plugin}`"));
    let mut get = GetIssue::new(id.as_str());
    get.repository = Some(repository.to_owned());
    let issue = tracker.instance.get(get).await.map_err(failed)?;
    // The tracker's own id is what is stored and compared: `#12` and `12` may be one issue.
    let known: IssueId = issue.id.parse().map_err(|error: ao_core::model::InvalidName| {
        failed(Error::wrap(Code::PROTOCOL, "its answer has an id that cannot be used", &error))
    })?;
    let described = tracker.instance.describe(DescribeIssue::new(issue.clone())).await.map_err(failed)?;
    Ok(Assignment::new(plugin, known, &issue, described))
}
