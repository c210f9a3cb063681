//! A tracker whose calls misbehave: any other id gives an issue.

use ao_plugin_sdk::prelude::*;

use crate::{Config, Fault, Place};

/// The tracker.
pub struct FaultyTracker {
    config: Config,
}

impl Plugin for FaultyTracker {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.at == Place::Constructor {
            config.fault.now()?;
        }
        Ok(Self { config })
    }
}

#[async_trait]
impl Tracker for FaultyTracker {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        tracing::info!(issue = %request.id, "fetching");
        let mut issue = Issue::new(request.id.as_str(), format!("Issue {}", request.id), IssueState::Open);
        issue.labels = vec![self.config.number.to_string()];
        issue.body = match request.id.as_str() {
            "missing" => return Err(Error::not_found("no issue `missing`")),
            "deadline" => format!("{:?}", deadline().map(|left| left.as_secs())),
            "thread" => blocking(|| Ok(std::thread::current().name().unwrap_or_default().to_owned())).await?,
            "fine" => String::new(),
            id => {
                let configured = if self.config.at == Place::Call { self.config.fault } else { Fault::None };
                Fault::named(id).unwrap_or(configured).answer().await?
            }
        };
        Ok(issue)
    }

    async fn describe(&self, request: DescribeIssue) -> Result<IssueText> {
        Fault::named(&request.issue.id).unwrap_or(Fault::None).answer().await?;
        Ok(IssueText::from_issue(&request.issue))
    }
}

impl Drop for FaultyTracker {
    fn drop(&mut self) {
        if self.config.at == Place::Drop {
            let _ = self.config.fault.now();
        }
    }
}
