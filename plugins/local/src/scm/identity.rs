//! Who the user is to git.

use ao_plugin_sdk::prelude::*;

use super::repository::Repository;
use crate::clock;

/// As it stands in a commit: `Name <address> seconds zone`. The user's own where it is configured, never one that git
/// would guess from the machine's name.
pub(super) async fn line(repository: &Repository<'_>) -> Result<String> {
    Ok(configured(repository).await?.unwrap_or_else(|| {
        let seconds = clock::now().as_millis().div_euclid(1000);
        format!("ao <ao@localhost> {seconds} +0000")
    }))
}

/// The name alone.
pub(super) async fn name(repository: &Repository<'_>) -> Result<String> {
    let configured = configured(repository).await?;
    let name = configured.as_deref().and_then(|line| line.split_once(" <")).map(|(name, _)| name.trim());
    Ok(name.filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned())
}

async fn configured(repository: &Repository<'_>) -> Result<Option<String>> {
    let call = repository.at(["var", "GIT_COMMITTER_IDENT"]).set("user.useConfigOnly", "true").looking();
    let output = call.output().await?;
    Ok(Some(output.text()).filter(|line| output.status.success() && line.contains('<')))
}
