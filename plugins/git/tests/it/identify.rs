//! A session's identity in the repository.

use ao_plugin_sdk::prelude::*;

use crate::support::Scratch;

async fn change(scratch: &Scratch, change: IdentityChange) -> Result<Identified> {
    let session: SessionId = "app-1".parse().expect("session id");
    scratch.plugin.identify(IdentifySession::new(scratch.project.clone(), session, change)).await
}

fn write(blob: &str) -> IdentityChange {
    IdentityChange::Write { blob: blob.into() }
}

fn remove(blob: &str) -> IdentityChange {
    IdentityChange::Remove { blob: blob.into() }
}

#[tokio::test]
async fn an_identity_is_written_once_and_removed_by_who_wrote_it() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let (ours, theirs) = ("{\"id\":\"app-1\",\"n\":\"\\u0000 ü\"}\n", "{\"id\":\"app-1\",\"owner\":\"other\"}");
    for _ in 0..2 {
        change(&scratch, write(ours)).await.expect("written, or written already");
        assert_eq!(scratch.git(&["cat-file", "blob", "refs/ao/sessions/app-1"]).await, ours.trim_end());
    }
    let refused = change(&scratch, write(theirs)).await.expect_err("another session's");
    assert_eq!(refused.code, Code::CONFLICT);
    change(&scratch, remove(theirs)).await.expect("nothing of theirs is there");
    assert_eq!(scratch.git(&["cat-file", "blob", "refs/ao/sessions/app-1"]).await, ours.trim_end());
    for _ in 0..2 {
        change(&scratch, remove(ours)).await.expect("removed, or removed already");
        assert_eq!(scratch.world().await, before);
    }
}
