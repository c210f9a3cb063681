//! Writes a session's identity to `refs/ao/sessions/<id>`, where it survives the loss of the host's state.

use ao_plugin_sdk::prelude::*;

use crate::git::Git;

pub(crate) async fn identify(git: &Git, request: IdentifySession) -> Result<Identified> {
    let reference = format!("refs/ao/sessions/{}", request.session);
    match request.change {
        IdentityChange::Write { blob } => {
            let object = git.at(&request.project, ["hash-object", "-w", "--stdin"]).input(blob).run().await?.text();
            git.at(&request.project, ["update-ref", "--end-of-options"]).arg(reference).arg(object).run().await?;
        }
        IdentityChange::Remove => {
            git.at(&request.project, ["update-ref", "-d", "--end-of-options"]).arg(reference).run().await?;
        }
        _ => return Err(Error::unsupported("this version of the plugin does not know this change of an identity")),
    }
    Ok(Identified::new())
}
