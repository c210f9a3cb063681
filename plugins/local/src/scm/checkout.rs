//! What to fetch for a pull request.

use ao_plugin_sdk::prelude::*;

use super::record::State;
use super::{LocalScm, pull, refs, standing};

/// Its branch while it is open and the branch is there; else its last commit, which its own ref keeps.
pub(super) async fn checkout(scm: &LocalScm, request: CheckoutRequest) -> Result<RefSpec> {
    let repository = scm.repository(&request.repository).await?;
    let (found, pull) = pull::one(scm, &repository, &request.pull).await?;
    let standing = standing::of_one(scm, &repository, &found, &pull).await?;
    let branch = &pull.record.branch;
    let reference = match found.head(branch) {
        Some(_) if standing.state == State::Open => refs::of_branch(branch),
        _ => standing.head.to_string(),
    };
    Ok(RefSpec::new(repository.path.as_str(), reference))
}
