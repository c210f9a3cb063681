//! The helper's loop: what happens goes into the conversation, and what follows is done.

use std::io;
use std::process::{ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_agent_conversation::desk::{Desk, Known};
use ao_agent_conversation::journal::Event;
use ao_agent_conversation::log::Log;
use ao_agent_conversation::printer::Printer;
use ao_agent_conversation::serving::{Signals, Told, Waiting, code_of};
use ao_agent_conversation::socket::{Asked, Socket};
use ao_agent_conversation::wake::Wake;
use ao_plugin_sdk::core::text::plain;
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
/// How long the host is waited for at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);
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
    desk: Desk<'a>,
    /// None where the terminal is OpenCode's.
    printer: Option<Printer>,
    waiting: Waiting,
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
    let (calls, to_call) = mpsc::unbounded_channel();
    let mut hands = Hands { desk, printer, waiting: Waiting::default(), calls };
    let mut provider = match Provider::start(&launch, conversation.as_deref(), &log) {
        Ok(provider) => provider,
        Err(error) => return hands.not_started(&launch, &error),
    };
    if let Some(pid) = provider.pid() {
        hands.desk.note(Event::Launched { pid })?;
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
    hands.finish(&mut talk, &mut provider, &mut wake, &log, over).await
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
                Told::Interrupt if hands.printer.is_none() => continue,
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
            Some((request, reply)) = asked.recv() => Input::Control(hands.waiting.add(reply), request),
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
        let now = (self.desk.now)();
        let (mut over, mut unwritten) = (None, None);
        // What cannot be written down has not happened: nothing follows from it, and this helper knows more than its journal.
        for effect in talk.handle(now, input) {
            match effect {
                Effect::Reply(to, reply) => self.waiting.reply(to, reply, unwritten.as_deref()),
                _ if unwritten.is_some() => {}
                Effect::Note(event) => {
                    if let Err(error) = self.desk.note(event) {
                        unwritten = Some(error.to_string());
                    }
                }
                // It is taken as long as this process lives.
                Effect::Call(call) => drop(self.calls.send(call)),
                Effect::Show(text) => self.show(text),
                Effect::End(why) => over = Some(Over::Useless(why)),
            }
        }
        if let Some(error) = unwritten {
            return Some(Over::Useless(format!("cannot write the journal: {error}")));
        }
        let known = talk.ledger();
        if let Err(error) = self.desk.journal.renew(now, &known.view, &known.queue) {
            self.show(format!("# cannot begin another journal: {error}\n"));
        }
        over
    }

    fn show(&self, text: String) {
        if let Some(printer) = &self.printer {
            printer.show(text);
        }
    }

    fn not_started(mut self, launch: &Launch, error: &io::Error) -> io::Result<ExitCode> {
        let why = format!("cannot start `{}` ({error}); correct the agent's `binary`", launch.binary);
        self.show(format!("# {why}\n"));
        self.desk.note(Event::Ended { why })?;
        self.printer.into_iter().for_each(Printer::finish);
        Ok(ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }))
    }

    async fn finish(
        mut self,
        talk: &mut Talk,
        provider: &mut Provider,
        wake: &mut Wake,
        log: &Mutex<Log>,
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
        let tail = log.lock().unwrap_or_else(PoisonError::into_inner).tail();
        if code != 0 && code < 128 && !tail.is_empty() {
            self.show(format!("{}\n", plain(&tail)));
        }
        self.show(format!("# {why}\n"));
        let ended = Event::Ended { why };
        talk.noted((self.desk.now)(), &ended);
        let written = self.desk.note(ended);
        wake.look(talk.view());
        let _ = tokio::time::timeout(LAST_WORDS, wake.finish()).await;
        self.printer.into_iter().for_each(Printer::finish);
        written.map(|()| ExitCode::from(code))
    }
}
