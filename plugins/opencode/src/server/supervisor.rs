//! `ao __opencode-server`: holds a shared server as long as anybody shares it, and aborts what those leave who are gone.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_agent_conversation::launch;
use ao_agent_conversation::log::Log;
use ao_agent_conversation::serving::{Signals, Told};
use ao_plugin_sdk::holder::end_tree;
use ao_plugin_sdk::prelude::*;
use hyper::Method;

use super::membership::{Member, Order, gone_and_left, publish, try_take, unpublish};
use super::{Address, Running, Shape, UP_WITHIN, answers, new_password};

/// Between two looks at who is left.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long the end of a turn may take that somebody left running.
const ABORT_WITHIN: Duration = Duration::from_secs(5);

/// Holds the server that a file orders, until nobody shares it, or it ends.
pub fn run(order: &Utf8Path) -> io::Result<ExitCode> {
    let order: Order = launch::read(order, 1)?;
    let Some(_lock) = try_take(&order.place.directory.join("supervisor.lock"))? else { return Ok(ExitCode::SUCCESS) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(hold(&order));
    unpublish(&order.place.directory)?;
    // Whatever the server has started elsewhere.
    end_tree(&order.place.directory, &order.place.marker, Duration::from_secs(1)).map_err(io::Error::other)?;
    ended
}

async fn hold(order: &Order) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let place = &order.place.directory;
    let log = Arc::new(Mutex::new(Log::open(place)?));
    let password = new_password()?;
    let (mut server, port) = Running::start(&order.binary, &order.args, place, &password, Shape::Alone { log: &log })?;
    let up = async {
        let address = Address { port: port.await.ok()?, password };
        answers(&address.client(place)).await;
        Some(address)
    };
    let address = tokio::select! {
        up = tokio::time::timeout(UP_WITHIN, up) => up.ok().flatten(),
        _ = server.child.wait() => None,
    };
    let Some(address) = address else {
        server.end().await;
        return Err(io::Error::other("OpenCode's server did not come up; `agent.log` may say why"));
    };
    publish(place, &address)?;
    loop {
        tokio::select! {
            status = server.child.wait() => {
                server.sweep();
                return Err(io::Error::other(format!("OpenCode's server ended: {}", status?)));
            }
            told = signals.next() => if let Told::End(_) = told {
                server.end().await;
                return Ok(ExitCode::SUCCESS);
            },
            () = tokio::time::sleep(LOOK_EVERY) => {
                // Who joins now is looked at the next time.
                let Some(_joining) = try_take(&place.join("join.lock"))? else { continue };
                let (gone, left) = gone_and_left(place)?;
                if left == 0 {
                    server.end().await;
                    gone.iter().try_for_each(|(path, _)| fs_err::remove_file(path))?;
                    unpublish(place)?;
                    return Ok(ExitCode::SUCCESS);
                }
                for (path, member) in gone {
                    abort(&address, member).await;
                    fs_err::remove_file(path)?;
                }
            }
        }
    }
}

/// Ends the turn that somebody has left running: nobody would see it, or answer what it asks.
async fn abort(address: &Address, member: Option<Member>) {
    let Some(Member { conversation: Some(id), workspace }) = member else { return };
    let path = format!("/session/{}/abort", crate::http::escaped(&id));
    // A server that does not answer is seen to end.
    let _ = address.client(&workspace).ask(Method::POST, &path, None, ABORT_WITHIN).await;
}
