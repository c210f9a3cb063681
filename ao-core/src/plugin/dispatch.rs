//! The two ends of a remote call: a plugin dispatches a method by name, the host reaches it through a transport.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BoxStream, CallContext, Class, HEALTH, Health, Life, Method, PING, SHUTDOWN, answered_or_older, current};
use crate::{Code, Error, Result};

/// The plugin's end: an instance of a slot, called by method name with JSON.
#[async_trait]
pub trait Dispatch: Send + Sync {
    /// The slot's method of this name, if there is one.
    fn method(&self, name: &str) -> Option<&'static Method>;

    /// Calls a [`Kind::Call`](super::Kind::Call) method.
    async fn call(&self, method: &str, payload: &[u8]) -> Result<Vec<u8>>;

    /// Opens a [`Kind::Open`](super::Kind::Open) method.
    async fn open(&self, method: &str, payload: &[u8]) -> Result<BoxStream>;

    /// Whether the method does no I/O and may be answered where it is asked.
    fn is_pure(&self, method: &str) -> bool {
        self.method(method).is_some_and(|method| method.class == Class::Pure)
    }
}

/// The host's end: carries a call to an instance elsewhere.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Whether the instance's manifest lists the method. A method that it lacks is answered by the slot's default.
    fn has(&self, method: &str) -> bool;

    /// Carries a call; both payloads are JSON.
    async fn call(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>>;

    /// Carries the opening of a stream.
    async fn open(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<BoxStream>;
}

/// The JSON of a request or a reply.
pub fn encode<T: Serialize>(method: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::wrap(Code::INVALID_INPUT, format!("cannot write the data of `{method}`"), &error))
}

/// Reads the JSON of a request or a reply.
pub fn decode<T: DeserializeOwned>(method: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|error| Error::wrap(Code::INVALID_INPUT, format!("cannot read the data of `{method}`"), &error))
}

/// The answer to a method that the instance does not have and that has no default.
pub(crate) fn lacking(method: &str) -> Error {
    Error::unsupported(format!("the plugin's library lacks `{method}`; build it with a newer SDK"))
}

/// The answer of a dispatcher to a name that its slot does not have.
pub(crate) fn unknown_method(slot: &str, method: &str) -> Error {
    Error::new(Code::UNKNOWN_METHOD, format!("the {slot} slot has no method `{method}`"))
}

/// Calls through a transport, in the context of the current call.
pub async fn remote_call<Q: Serialize, R: DeserializeOwned>(
    transport: &dyn Transport,
    method: &'static str,
    request: &Q,
) -> Result<R> {
    let payload = encode(method, request)?;
    let reply = transport.call(current(), method, payload).await?;
    serde_json::from_slice(&reply)
        .map_err(|error| Error::wrap(Code::PROTOCOL, format!("`{method}` answered something unreadable"), &error))
}

/// Opens a stream through a transport, in the context of the current call.
pub async fn remote_open<Q: Serialize>(
    transport: &dyn Transport,
    method: &'static str,
    request: &Q,
) -> Result<BoxStream> {
    let payload = encode(method, request)?;
    transport.open(current(), method, payload).await
}

/// The reserved methods of an instance behind a transport. One that is older than they are is well.
pub struct RemoteLife(pub Arc<dyn Transport>);

#[async_trait]
impl Life for RemoteLife {
    async fn health(&self) -> Result<Health> {
        let reply = answered_or_older(self.0.call(current(), HEALTH, b"{}".to_vec()).await.map(Some))?;
        reply.map_or_else(|| Ok(Health::default()), |reply| decode(HEALTH, &reply))
    }

    async fn ping(&self) -> Result<()> {
        answered_or_older(self.0.call(current(), PING, b"{}".to_vec()).await.map(drop))
    }

    async fn shutdown(&self) -> Result<()> {
        answered_or_older(self.0.call(current(), SHUTDOWN, b"{}".to_vec()).await.map(drop))
    }
}
