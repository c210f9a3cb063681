//! STANDS IN FOR THE ENGINE until that is there: it looks at nothing. Whoever brings the engine removes this file and
//! the line in `mod.rs` that names it.

use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use tokio::sync::mpsc::Receiver;

use super::{Control, HostContext, HostLock, OnceReport, Progress, Told};

/// Serves until it is told to stop. The lock is held meanwhile.
pub async fn serve(
    context: HostContext,
    lock: HostLock,
    mut control: Receiver<Control>,
    progress: Arc<Progress>,
    told: &mut dyn FnMut(Told),
) -> Result<()> {
    tracing::debug!(?context, "serving");
    told(Told::Ready);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        let heard = tokio::time::timeout(Duration::from_secs(1), control.recv());
        match heard.await {
            Err(_) => {
                tick.tick().await;
                progress.made();
            }
            Ok(Some(Control::Reload)) => told(Told::Ready),
            Ok(Some(Control::Stop) | None) => break,
        }
    }
    drop(lock);
    Ok(())
}

/// Looks at every session once.
pub async fn once(context: HostContext, lock: HostLock) -> Result<OnceReport> {
    tracing::debug!(?context, "one pass");
    drop(lock);
    Ok(OnceReport::default())
}
