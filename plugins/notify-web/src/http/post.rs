//! Posting: at most two at a time to one receiver, waiting where it asks for that.

use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::address::Place;
use super::failure::{judged, rate_limited, unanswered};
use super::{Address, Answer};

/// The slot's own limit, where no call says one.
const CALL: Duration = Duration::from_secs(30);

/// What is left of the call's time for the error to be told.
const MARGIN: Duration = Duration::from_millis(500);

/// How long finding the host and connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How much of an answer is read, in bytes.
const KEPT: u64 = 16 * 1024;

/// How long a service is left alone that asks for it and does not say for how long, and at least.
const PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// What is posted.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// In the order in which they are sent.
    pub(crate) headers: Vec<(String, String)>,
    /// The content, whose type is one of the headers.
    pub(crate) body: Vec<u8>,
}

/// Whom notifications are posted to.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: Address,
    agent: Agent,
    limit: Duration,
    /// Posts under way. Few, so that one that does not answer leaves the library's other threads alone, and so that
    /// notifications queue here, in order, rather than at the receiver's limit.
    under_way: Semaphore,
    /// Before this the receiver wants no post.
    not_before: Mutex<Option<Instant>>,
}

impl Receiver {
    /// A receiver that has this long for each answer. Does no I/O.
    pub(crate) fn new(address: Address, limit: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A kept connection may be closed just when it is used again: whether the post arrived is then unknown.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .user_agent(concat!("ao/", env!("CARGO_PKG_VERSION"), " (notifier)"))
            .tls_config(tls);
        if address.place == Place::Here {
            // A proxy reaches another machine than this.
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        Self { address, agent, limit, under_way: Semaphore::new(2), not_before: Mutex::default() }
    }

    /// Scheme, host and port.
    pub(crate) fn shown(&self) -> &str {
        &self.address.shown
    }

    /// Posts, and again where the receiver asked for a pause that the call has time for. `make` is asked for each attempt,
    /// as a signature holds the time.
    pub(crate) async fn post(&self, make: impl Fn() -> Result<Post>) -> Result<Answer> {
        let left = deadline().unwrap_or(CALL).min(CALL).saturating_sub(MARGIN);
        let ends = Instant::now() + left;
        loop {
            let turn = timeout_at(ends, self.under_way.acquire()).await;
            let Ok(Ok(_turn)) = turn else {
                let why = "earlier notifications still wait for its answer";
                return Err(Error::unavailable(format!("{} was not asked: {why}", self.address.shown)));
            };
            if let Some(at) = self.not_before() {
                if at >= ends {
                    return Err(rate_limited(&self.address, at.saturating_duration_since(Instant::now())));
                }
                sleep_until(at).await;
            }
            let answer = self.attempt(make()?, ends).await?;
            if answer.status != 429 {
                return judged(&self.address, answer);
            }
            // A service that says so has not taken the notification.
            self.put_off(answer.retry_after().unwrap_or(PAUSE).max(SHORTEST_PAUSE));
        }
    }

    async fn attempt(&self, post: Post, ends: Instant) -> Result<Answer> {
        let left = ends.saturating_duration_since(Instant::now()).min(self.limit);
        if left.is_zero() {
            let message = format!("{} was not asked: no time is left for it", self.address.shown);
            return Err(Error::unavailable(message));
        }
        let (agent, address) = (self.agent.clone(), self.address.clone());
        blocking(move || send(&agent, &address, &post, left)).await
    }

    fn not_before(&self) -> Option<Instant> {
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_off(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = not_before.max(Some(until));
    }
}

/// One request and its answer. Blocks its thread.
fn send(agent: &Agent, address: &Address, post: &Post, limit: Duration) -> Result<Answer> {
    // Shorter than the whole, so that one who does not even connect is told from one who does not answer.
    let connect = CONNECT.min(limit * 3 / 4);
    let request = agent.post(address.uri.clone()).config().timeout_global(Some(limit));
    let mut request = request.timeout_resolve(Some(connect)).timeout_connect(Some(connect)).build();
    for (name, value) in &post.headers {
        request = request.header(name.as_str(), value.as_str());
    }
    let response = request.send(&post.body[..]).map_err(|error| unanswered(address, &error))?;
    let (parts, body) = response.into_parts();
    let texts = parts.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let headers = texts.collect();
    let mut kept = Vec::new();
    // The status has said everything; what is read is for people.
    let _ = body.into_reader().take(KEPT).read_to_end(&mut kept);
    Ok(Answer { status: parts.status.as_u16(), headers, body: kept })
}
