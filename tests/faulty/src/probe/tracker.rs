//! A tracker: issues made from their ids. Some ids misbehave on purpose; the host's tests ask for them.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use super::Config;

/// The tracker.
pub struct ProbeTracker {
    config: Config,
}

impl Plugin for ProbeTracker {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        match config.label.as_str() {
            "refuse" => Err(Error::invalid_input("this label is refused").at_field("label")),
            "panic" => panic!("a constructor that panics"),
            _ => Ok(Self { config }),
        }
    }

    async fn health(&self) -> Result<Health> {
        let mut health = Health::new();
        health.message.clone_from(&self.config.label);
        if self.config.label == "ill" {
            health.state = HealthState::Degraded;
        }
        Ok(health)
    }

    async fn shutdown(&self) -> Result<()> {
        host::state::set("shutdown", &self.config.label).await?;
        tracing::info!("shutting down");
        match self.config.label.as_str() {
            "restless" => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

impl Drop for ProbeTracker {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

#[async_trait]
impl Tracker for ProbeTracker {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        tracing::info!(issue = %request.id, "fetching");
        match request.id.as_str() {
            "missing" => Err(Error::not_found(format!("no issue `{}`", request.id))),
            "panic" => panic!("an issue that panics"),
            // Never ends by itself: the host's deadline ends it.
            "slow" => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                Err(Error::other("nobody waits for an hour"))
            }
            "deadline" => Ok(self.issue(&request.id, format!("{:?}", deadline().map(|left| left.as_secs())))),
            "blocking" => {
                let thread = blocking(|| Ok(std::thread::current().name().unwrap_or_default().to_owned())).await?;
                Ok(self.issue(&request.id, thread))
            }
            "wake" => Ok(self.issue(&request.id, host::wake("an issue changed", &[]).await?.to_string())),
            "unavailable" => Err(Error::unavailable("the tracker is down")),
            // What the library's own threads do when its author forgot `blocking`.
            "wedge" => {
                std::thread::park_timeout(Duration::from_secs(self.config.level.into()));
                Ok(self.issue(&request.id, String::new()))
            }
            "chatter" => {
                (0..5000).for_each(|line| tracing::info!(line, "chatter"));
                Ok(self.issue(&request.id, String::new()))
            }
            id => match id.split_once(':') {
                Some(("secret", field)) => {
                    let value = host::secret(field).await?;
                    tracing::info!(value, "read");
                    Ok(self.issue(field, value))
                }
                Some(("remember", text)) => {
                    host::state::set("last", &text).await?;
                    Ok(self.issue(id, String::new()))
                }
                Some(("recall", key)) => {
                    let key = key.to_owned();
                    let kept = host::carry(async move { host::state::get::<String>(&key).await });
                    // From a task of the plugin's own, which takes the host along.
                    #[expect(clippy::disallowed_methods, reason = "the task is awaited")]
                    let kept = tokio::spawn(kept).await.map_err(|error| Error::other(error.to_string()))??;
                    Ok(self.issue(id, kept.unwrap_or_default()))
                }
                Some(("forget", key)) => {
                    host::state::remove(key).await?;
                    Ok(self.issue(id, String::new()))
                }
                Some(("tell", text)) => Err(Error::other(format!("{text} of {}", self.config.token()))),
                _ => Ok(self.issue(&request.id, self.config.shown())),
            },
        }
    }
}

impl ProbeTracker {
    fn issue(&self, id: &str, body: String) -> Issue {
        let mut issue = Issue::new(id, format!("Issue {id}"), IssueState::Open);
        issue.body = body;
        issue.labels = vec![self.config.label.clone()];
        issue
    }
}
