//! What tells that a caller is a session's agent: a secret of each launch, of which only the digest is written down.
//!
//! It guards against mistakes and confusion. Without a sandbox an agent runs as the same user, who can read everything that
//! `ao` can, so it is no security border.

use ao_core::Result;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;

use crate::hash::sha256;
use crate::store::{Reader, SessionFilter};
use crate::world::Rng;

/// The variable of an agent's environment that holds it.
pub const TOKEN_VARIABLE: &str = "AO_SESSION_TOKEN";

/// A new one: 128 bits of chance, in hexadecimal.
pub(super) fn new_token(chance: &dyn Rng) -> String {
    let mut bits = [0; 16];
    chance.fill(&mut bits);
    format!("{:032x}", u128::from_be_bytes(bits))
}

/// What is written down of it.
pub(super) fn digest(token: &str) -> String {
    sha256(token.as_bytes())
}

/// The session whose agent was given this token at its last launch. It is looked for in `likely` first.
pub fn holder_of(token: &str, likely: Option<&SessionId>, store: &dyn Reader) -> Result<Option<SessionId>> {
    let digest = digest(token);
    let holds = |session: &Session| session.token_sha256.as_ref() == Some(&digest);
    if let Some(session) = likely.map(|id| store.session(id)).transpose()?.flatten().filter(holds) {
        return Ok(Some(session.id));
    }
    Ok(store.sessions(&SessionFilter::default())?.into_iter().find(holds).map(|session| session.id))
}
