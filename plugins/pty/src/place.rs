//! What a handle holds, and what stands in a session's directory, so that its terminal is found again.

use ao_plugin_sdk::core::slots::common::Owner;
use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::{files, serde_json};

use crate::NAME;

/// The file of [`Place`] in a session's directory. It is there from `create` until `destroy`.
const PLACE_FILE: &str = "terminal.json";

/// The log's name in the session's directory; its parts have an offset behind it.
const OUTPUT_FILE: &str = "output.log";

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "ao_plugin_sdk::serde")]
pub(crate) struct Place {
    /// The session's directory.
    pub(crate) directory: Utf8PathBuf,
    /// What marks the session's processes.
    pub(crate) marker: String,
    /// Where its holder listens.
    pub(crate) socket: Utf8PathBuf,
}

impl Place {
    /// For a session that is to be.
    pub(crate) fn new(request: &CreateRuntime, marker: String) -> Self {
        let socket = request.owner.run.join(socket_name(&request.owner, &request.session));
        Self { directory: request.directory.clone(), marker, socket }
    }

    /// The place in a handle.
    pub(crate) fn of(handle: &RuntimeHandle) -> Result<Self> {
        serde_json::from_value(handle.data.clone()).map_err(|error| {
            let context = format!("the handle of `{}` is not one of the runtime `{NAME}`", handle.session);
            Error::wrap(Code::INVALID_INPUT, context, &error).at_field("handle.data")
        })
    }

    /// The place of a session's directory; none before it is made and after it is destroyed.
    pub(crate) fn of_directory(directory: &Utf8Path) -> Result<Option<Self>> {
        let file = directory.join(PLACE_FILE);
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::wrap(Code::OTHER, format!("cannot read `{file}`"), &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::wrap(Code::OTHER, format!("cannot read `{file}`"), &error)),
        }
    }

    /// Writes the place into its directory.
    pub(crate) fn keep(&self) -> Result<()> {
        let file = self.directory.join(PLACE_FILE);
        let text = serde_json::to_vec(self).unwrap_or_default();
        files::write_atomically(&file, &text)
            .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write `{file}`"), &error))
    }

    /// Forgets a place whose session is destroyed.
    pub(crate) fn forget(&self) -> Result<()> {
        for file in [&self.socket, &self.directory.join(PLACE_FILE)] {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::wrap(Code::OTHER, format!("cannot remove `{file}`"), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The handle of this place.
    pub(crate) fn handle(&self, session: SessionId, key: String) -> Result<RuntimeHandle> {
        let plugin: PluginName = NAME.parse().map_err(|error: InvalidName| Error::other(error.to_string()))?;
        Ok(RuntimeHandle::new(plugin, session, key, json!(self)))
    }

    /// The log of what the agent prints.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        self.directory.join(OUTPUT_FILE)
    }
}

/// A name that fits: a socket's path is short, and a session's id can be 64 characters long.
fn socket_name(owner: &Owner, session: &SessionId) -> String {
    // FNV-1a (draft-eastlake-fnv): the same in every version, which the hashes of the standard library do not promise.
    let hash = session
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("p{}-{hash:016x}.sock", owner.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_short_names_of_their_own() {
        let owner = Owner::new("0a1b2c3d", "/run", "/state");
        let name = |session: &str| socket_name(&owner, &session.parse::<SessionId>().expect("id"));
        let long = "a".repeat(60);
        assert_eq!(name("ao-1"), "p0a1b2c3d-9d9b2b83b8bc50d7.sock");
        assert!(name(&format!("{long}-1")).len() <= 32);
        assert_ne!(name(&format!("{long}-1")), name(&format!("{long}-2")));
    }
}
