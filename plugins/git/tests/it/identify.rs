//! A session's identity in the repository.

use ao_plugin_sdk::prelude::*;

use crate::support::Scratch;

#[tokio::test]
async fn an_identity_is_written_replaced_and_removed() {
    let scratch = Scratch::new().await;
    let session: SessionId = "app-1".parse().expect("session id");
    let change = async |change| {
        let request = IdentifySession::new(scratch.project.clone(), session.clone(), change);
        scratch.plugin.identify(request).await.expect("identify");
    };
    let before = scratch.world().await;
    for blob in ["{\"id\":\"app-1\"}", "{\"id\":\"app-1\",\"n\":\"\\u0000 ü\"}\n"] {
        change(IdentityChange::Write { blob: blob.into() }).await;
        let stored = scratch.git(&["cat-file", "blob", "refs/ao/sessions/app-1"]).await;
        assert_eq!(stored, blob.trim_end());
    }
    for _ in 0..2 {
        change(IdentityChange::Remove).await;
        assert_eq!(scratch.world().await, before);
    }
}
