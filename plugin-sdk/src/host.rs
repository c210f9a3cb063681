//! What a plugin may ask of the host, whether it is linked in or in a library.
//!
//! Inside of a call (and in the constructor, and in [`blocking`](crate::blocking) work) the host is known. A task that
//! the plugin starts itself takes it along by [`carry`].

use ao_core::model::SessionId;
use ao_core::plugin::{
    CallContext, Host, ReadSecret, SECRET, SecretValue, WAKE, WakeHost, Woken, current, current_host, encode, scope,
    scope_host,
};
use ao_core::{Code, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Asks the host to look at these sessions (at all, where none is named) sooner than it would by itself. Answers
/// whether somebody heard it: a command that is about to end has nobody who looks again.
pub async fn wake(reason: &str, sessions: &[SessionId]) -> Result<bool> {
    let mut request = WakeHost::new();
    reason.clone_into(&mut request.reason);
    request.sessions = sessions.to_vec();
    Ok(ask::<_, Woken>(WAKE, &request).await?.heard)
}

/// A setting of the plugin's own block as its references read now, so that a secret that was changed in its file is
/// seen without a restart. `field` is the setting's name, with `.` between the keys of nested ones;
/// [`Code::NOT_FOUND`] where the configuration has no such setting.
pub async fn secret(field: &str) -> Result<String> {
    Ok(ask::<_, SecretValue>(SECRET, &ReadSecret::new(field)).await?.value)
}

/// Small state that outlives the process, such as cursors and `ETag`s. It may be gone at any time, belongs to the
/// instance's configuration, and is no place for secrets.
pub mod state {
    use ao_core::plugin::{
        GetState, RemoveState, STATE_GET, STATE_REMOVE, STATE_SET, SetState, StateChanged, StateValue,
    };
    use ao_core::{Code, Error, Result};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    /// What was kept under this key; `None` where there is nothing, or nothing that reads as `T`.
    pub async fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
        let kept: StateValue = super::ask(STATE_GET, &GetState::new(key)).await?;
        Ok(serde_json::from_value(kept.value).ok())
    }

    /// Keeps a value. A key has at most 128 bytes, a value 64 KiB as JSON, an instance 256 keys.
    pub async fn set<T: Serialize>(key: &str, value: &T) -> Result<()> {
        let value = serde_json::to_value(value)
            .map_err(|error| Error::wrap(Code::INVALID_INPUT, format!("cannot write the state `{key}`"), &error))?;
        super::ask::<_, StateChanged>(STATE_SET, &SetState::new(key, value)).await.map(drop)
    }

    /// Forgets what was kept under this key.
    pub async fn remove(key: &str) -> Result<()> {
        super::ask::<_, StateChanged>(STATE_REMOVE, &RemoveState::new(key)).await.map(drop)
    }
}

/// The future, with the call and the host of now wherever it is polled: for tasks that the plugin starts itself. Without
/// the call's deadline, as a task may outlive the call: what feeds a stream goes on after the stream was opened.
pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
    scope(CallContext { deadline: None, ..current() }, scope_host(current_host(), future))
}

async fn ask<Q: Serialize, R: DeserializeOwned>(method: &str, request: &Q) -> Result<R> {
    let host = current_host().ok_or_else(|| {
        Error::unavailable(format!("`{method}` is asked outside of any call; a task of the plugin's own needs `carry`"))
    })?;
    let reply = Host::call(&*host, method, encode(method, request)?).await.map_err(|mut error| {
        // A plugin that hands it on would seem to lack the method that it was called by.
        if error.code == Code::UNKNOWN_METHOD {
            error.code = Code::UNSUPPORTED;
        }
        error
    })?;
    serde_json::from_slice(&reply)
        .map_err(|error| Error::wrap(Code::PROTOCOL, format!("the host's answer to `{method}` is unreadable"), &error))
}
