//! `ao __hook NAME [PAYLOAD]`: what an agent's hook runs. It never stands in the agent's way: it says nothing, ends well
//! whatever it is given and wherever it runs, and waits for nobody. So nothing else of `ao` comes before it: not even the
//! reading of arguments, whose exit code 2 is Claude Code's word for "do not do that".

use std::io::{self, Cursor, Read};
use std::sync::mpsc;
use std::time::Duration;

use ao_host::sessions::leave_hook;
use ao_host::world::World;
use camino::Utf8PathBuf;

/// The command's name.
pub(crate) const NAME: &str = "__hook";

/// How long an agent may take to say what its hook has to say. One that leaves its end open would wait for us.
const SAID_WITHIN: Duration = Duration::from_secs(2);

/// What a hook was called with.
pub(crate) struct Call {
    /// The hook.
    pub(crate) hook: String,
    /// Its payload as JSON; else it is read from standard input.
    pub(crate) payload: Option<Vec<u8>>,
    /// Where it is left: an agent that somebody started without `ao` has no spool.
    pub(crate) spool: Option<Utf8PathBuf>,
}

impl Call {
    /// Leaves what the hook says for the host. What cannot be left is no fault of the agent's.
    pub(crate) fn leave(self) {
        let Some(spool) = self.spool else { return };
        let (left, waiting) = mpsc::channel();
        let (hook, payload) = (self.hook, self.payload);
        // The thread may be blocked in a read for ever; it ends with the process.
        let leaving = std::thread::Builder::new().name("hook".to_owned()).spawn(move || {
            let mut payload: Box<dyn Read> = match payload {
                Some(payload) => Box::new(Cursor::new(payload)),
                None => Box::new(io::stdin().lock()),
            };
            let _ = leave_hook(&spool, &hook, &mut payload, &World::system());
            let _ = left.send(());
        });
        if leaving.is_ok() {
            let _ = waiting.recv_timeout(SAID_WITHIN);
        }
    }
}
