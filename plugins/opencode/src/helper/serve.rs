//! The helper's loop: what happens goes into the conversation, and what follows is done.

use std::io;
use std::process::{ExitCode, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_agent_conversation::desk::{Desk, Known};
use ao_agent_conversation::journal::Event;
use ao_agent_conversation::log::Log;
use ao_agent_conversation::outside::Outside;
use ao_agent_conversation::printer::Printer;
use ao_agent_conversation::serving::{Signals, Told, code_of};
use ao_agent_conversation::socket::{Asked, Socket};
use ao_agent_conversation::wake::Wake;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::provider::{Happened, Provider};
use super::{calls, connection};
use crate::config::Server;
use crate::http::Client;
use crate::launch::Launch;
use crate::talk::{Call, Effect, Input, Talk};

/// How long opening a conversation may take.
const OPEN_WITHIN: Duration = Duration::from_mins(5);
/// How long a turn may take to end that somebody relies on to end: what bounds a session's costs is kept, also where OpenCode
/// does not heed it.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How often time passes.
const TICK: Duration = Duration::from_secs(1);
/// How many things that were heard may wait to be handled.
const HEARD: usize = 64;

/// Why the loop ends.
enum Over {
    /// The server of this process has ended.
    Exited(ExitStatus),
    /// This process is told to end, by the signal of this number.
    Told(u8),
    /// There is no conversation to be had.
    Useless(String),
}

/// What carries effects out.
struct Hands<'a> {
    outside: Outside<'a>,
    calls: mpsc::UnboundedSender<Call>,
}

/// What is heard of the server.
struct Ears {
    heard: mpsc::Receiver<Input>,
    hearing: mpsc::Sender<Input>,
    client: watch::Sender<Option<Client>>,
    listening: JoinSet<()>,
}

impl Ears {
    /// Listens to this server from here on, or to none.
    fn turn_to(&mut self, client: Option<Client>) {
        self.listening.abort_all();
        if let Some(client) = client.clone() {
            self.listening.spawn(connection::listen(client, self.hearing.clone()));
        }
        // Whoever asks it has not gone before this.
        let _ = self.client.send(client);
    }
}

/// Holds the conversation until its server ends or this process is told to.
pub(super) async fn serve(
    launch: Launch,
    mut desk: Desk<'_>,
    (instructions, prompt): (Option<String>, Option<String>),
    known: Known,
) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let log = Arc::new(Mutex::new(Log::open(&desk.files)?));
    let (asking, mut asked) = Socket::bind(&launch.directory)?.listen();
    let conversation = known.0.session.clone().or_else(|| launch.resume.clone());
    let mut talk = Talk::new(launch.clone(), instructions, prompt, known);
    let started = Event::Started { helper: std::process::id() };
    talk.noted((desk.now)(), &started);
    desk.note(started)?;
    let printer = if launch.server == Server::None { None } else { Some(Printer::start()?) };
    let outside = Outside::new(desk, printer, Arc::clone(&log));
    let mut provider = match Provider::start(&launch, conversation.as_deref(), &log) {
        Ok(provider) => provider,
        Err(error) => return outside.not_started(&launch.binary, &error, "binary"),
    };
    let (calls, to_call) = mpsc::unbounded_channel();
    let mut hands = Hands { outside, calls };
    if let Some(pid) = provider.pid() {
        hands.outside.desk.note(Event::Launched { pid })?;
    }
    let (hearing, heard) = mpsc::channel(HEARD);
    let (client, to_client) = watch::channel(None);
    let mut working = JoinSet::new();
    working.spawn(calls::work(to_client, to_call, hearing.clone()));
    let mut ears = Ears { heard, hearing, client, listening: JoinSet::new() };
    let mut wake = Wake::new(launch.hook.clone());
    let over =
        converse(&launch, &mut talk, &mut hands, &mut provider, &mut ears, (&mut signals, &mut asked, &mut wake)).await;
    // Nobody is told any more that a prompt was taken. Who asked finds it in the journal, where it stands, or nowhere.
    drop(asking);
    hands.finish(talk, &mut provider, &mut wake, over).await
}

async fn converse(
    launch: &Launch,
    talk: &mut Talk,
    hands: &mut Hands<'_>,
    provider: &mut Provider,
    ears: &mut Ears,
    (signals, asked, wake): (&mut Signals, &mut mpsc::Receiver<Asked>, &mut Wake),
) -> Over {
    let late = tokio::time::sleep(OPEN_WITHIN);
    tokio::pin!(late);
    let mut ticks = tokio::time::interval(TICK);
    let mut said = None;
    if let Some(over) = hands.go_on(talk, Input::Begin) {
        return over;
    }
    let mut stop_by: Option<tokio::time::Instant> = None;
    loop {
        wake.look(talk.view());
        let begun = stop_by.unwrap_or_else(|| tokio::time::Instant::now() + STOP_WITHIN);
        stop_by = talk.is_stopping().then_some(begun);
        let input = tokio::select! {
            told = signals.next() => match told {
                Told::End(signal) => return Over::Told(signal),
                // OpenCode's own interface knows that key itself.
                Told::Interrupt if hands.outside.printer.is_none() => continue,
                Told::Interrupt => Input::Interrupt,
            },
            happened = provider.next() => match happened {
                Ok(Happened::Up(address)) => {
                    // The share is a new one, in which nothing is said yet.
                    said = None;
                    ears.turn_to(Some(address.client(&launch.workspace)));
                    continue;
                }
                Ok(Happened::Lost) => {
                    ears.turn_to(None);
                    Input::Lost
                }
                Ok(Happened::Ended(status)) => return Over::Exited(status),
                Err(error) => return Over::Useless(error.to_string()),
            },
            Some(input) = ears.heard.recv() => input,
            Some((request, reply)) = asked.recv() => Input::Control(hands.outside.waiting.add(reply), request),
            () = &mut late, if talk.is_opening() => return Over::Useless("OpenCode opened no conversation in time".to_owned()),
            () = tokio::time::sleep_until(begun), if stop_by.is_some() => Input::Unheeded,
            _ = ticks.tick() => Input::Tick,
            () = wake.went() => continue,
        };
        if let Some(over) = hands.go_on(talk, input) {
            return over;
        }
        if let Some(conversation) = talk.conversation().filter(|id| said.as_deref() != Some(*id)) {
            said = Some(conversation.to_owned());
            if let Err(error) = provider.say(conversation) {
                return Over::Useless(format!("cannot say whose conversation it is: {error}"));
            }
        }
    }
}

impl Hands<'_> {
    /// Goes on by one input, and does what follows.
    fn go_on(&mut self, talk: &mut Talk, input: Input) -> Option<Over> {
        let mut over = None;
        for effect in talk.handle((self.outside.desk.now)(), input) {
            match effect {
                Effect::Reply(to, reply) => self.outside.reply(to, reply),
                _ if !self.outside.is_sound() => {}
                Effect::Note(event) => self.outside.note(event),
                // It is taken as long as this process lives.
                Effect::Call(call) => drop(self.calls.send(call)),
                Effect::Show(text) => self.outside.show(text),
                Effect::End(why) => over = Some(Over::Useless(why)),
            }
        }
        self.outside.settle(talk.ledger()).map_or_else(|error| Some(Over::Useless(error)), |()| over)
    }

    async fn finish(
        self,
        mut talk: Talk,
        provider: &mut Provider,
        wake: &mut Wake,
        over: Over,
    ) -> io::Result<ExitCode> {
        let when = if talk.is_opening() { " before it opened a conversation" } else { "" };
        talk.close();
        let (why, code) = match over {
            Over::Exited(status) => {
                provider.sweep();
                (format!("OpenCode ended{when}: {status}"), code_of(status))
            }
            Over::Told(signal) => {
                provider.end().await;
                ("it was ended".to_owned(), 128 + signal)
            }
            Over::Useless(why) => {
                provider.end().await;
                (why, 1)
            }
        };
        self.outside.finish(talk.into_ledger(), wake, why, code).await
    }
}
