//! The runtimes with the real holder, real processes and a real tmux.

mod conformance;
mod delivery;
mod destruction;
mod life;
mod listing;
mod pty_only;
mod rig;
mod tmux_only;

/// Declares a test once for each runtime; the tmux one is skipped, by name, where tmux is absent.
macro_rules! in_every_runtime {
    ($($(#[$doc:meta])* async fn $name:ident($rig:ident: &Rig) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn check($rig: &Rig) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn process() {
                check(&Rig::process()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn pty() {
                check(&Rig::pty()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn tmux_runtime() {
                if let Some(rig) = Rig::tmux(concat!(module_path!(), "::tmux_runtime")) {
                    check(&rig).await;
                }
            }
        }
    )*};
}

use in_every_runtime;
pub(crate) use rig::skip;
