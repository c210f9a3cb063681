//! The helper's loop: what happens goes into the conversation, and what follows is done.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::agent::{Agent, code_of};
use super::log::Log;
use super::printer::Printer;
use super::socket::{Asked, Socket};
use super::wake::Wake;
use super::{Desk, files};
use crate::control::Reply;
use crate::journal::{DIRECTORY, Event, Queue, View};
use crate::talk::{Effect, Input, Talk};

/// How long opening a conversation may take: some agents are fetched first.
const OPEN_WITHIN: Duration = Duration::from_mins(3);
/// How long a turn may take to end that somebody relies on to end: what bounds a session's costs is kept, also where an agent
/// does not heed it.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How long an agent's last words are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long an agent may live that closed its output.
const SILENT_WITHIN: Duration = Duration::from_secs(5);
/// How many may ask at once.
const ASKING: usize = 32;

/// Why the loop ends.
enum Over {
    /// The agent has ended.
    Exited(std::process::ExitStatus),
    /// This process is told to end, by the signal of this number.
    Told(u8),
    /// The agent cannot be spoken with.
    Useless(String),
}

/// The signals that matter.
struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let [terminate, hangup, interrupt] =
            [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
        Ok(Self { terminate: terminate?, hangup: hangup?, interrupt: interrupt? })
    }
}

/// What carries effects out.
struct Hands<'a> {
    desk: Desk<'a>,
    printer: Printer,
    log: Arc<Mutex<Log>>,
    replies: BTreeMap<u64, oneshot::Sender<Reply>>,
    /// A file that is being read or written for the agent. What it says next is not read before.
    calls: JoinSet<Effect>,
}

/// Runs the agent until it ends or this process is told to.
pub(super) async fn serve(mut desk: Desk<'_>, prompt: Option<String>, known: (View, Queue)) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let directory = desk.launch.directory.join(DIRECTORY);
    let log = Arc::new(Mutex::new(Log::open(&directory)?));
    let socket = Socket::bind(&desk.launch.directory)?;
    let mut talk = Talk::new(desk.launch.clone(), prompt, known.clone(), files::locate);
    if known != (View::new(known.0.since), Queue::default()) {
        // What a former launch left stands in this one's journal from here on.
        desk.note(Event::Snapshot { view: Box::new(known.0), queue: Box::new(known.1) })?;
    }
    let started = Event::Started { helper: std::process::id() };
    talk.noted((desk.now)(), &started);
    desk.note(started)?;
    let mut hands = Hands { desk, printer: Printer::start()?, log, replies: BTreeMap::new(), calls: JoinSet::new() };
    let mut agent = match Agent::start(&hands.desk.launch, &hands.log) {
        Ok(agent) => agent,
        Err(error) => return hands.not_started(&error),
    };
    hands.desk.note(Event::Launched { pid: agent.pid })?;
    let (asked_in, mut asked) = mpsc::channel::<Asked>(ASKING);
    let mut listening = JoinSet::new();
    listening.spawn(socket.listen(asked_in));
    let mut wake = Wake::new(hands.desk.launch.hook.clone());
    let over = converse(&mut talk, &mut hands, &mut agent, &mut asked, &mut wake, &mut signals).await;
    // Nobody is told any more that a prompt was taken. Who asked finds it in the journal, where it stands, or nowhere.
    drop(listening);
    hands.finish(&mut talk, &mut agent, &mut wake, over).await
}

async fn converse(
    talk: &mut Talk,
    hands: &mut Hands<'_>,
    agent: &mut Agent,
    asked: &mut mpsc::Receiver<Asked>,
    wake: &mut Wake,
    signals: &mut Signals,
) -> Over {
    let late = tokio::time::sleep(OPEN_WITHIN);
    let silent = tokio::time::sleep(Duration::MAX);
    tokio::pin!(late, silent);
    let (mut speaks, mut number) = (true, 0_u64);
    if let Some(over) = hands.go_on(talk, agent, Input::Begin) {
        return over;
    }
    let mut stop_by: Option<tokio::time::Instant> = None;
    loop {
        wake.look(talk.view());
        let begun = stop_by.unwrap_or_else(|| tokio::time::Instant::now() + STOP_WITHIN);
        stop_by = talk.is_stopping().then_some(begun);
        let input = tokio::select! {
            _ = signals.terminate.recv() => return Over::Told(15),
            _ = signals.hangup.recv() => return Over::Told(1),
            _ = signals.interrupt.recv() => Input::Interrupt,
            line = agent.lines.recv(), if speaks && hands.calls.is_empty() => if let Some(line) = line {
                Input::Line(line)
            } else {
                speaks = false;
                silent.as_mut().reset(tokio::time::Instant::now() + SILENT_WITHIN);
                continue;
            },
            ended = agent.child.wait() => match ended {
                Ok(status) => return Over::Exited(status),
                Err(error) => return Over::Useless(format!("the agent cannot be waited for: {error}")),
            },
            Some((request, reply)) = asked.recv() => {
                number += 1;
                hands.replies.insert(number, reply);
                Input::Control(number, request)
            }
            Some(done) = hands.calls.join_next() => {
                if let Ok(Effect::Send(frame)) = done && agent.send(&frame).is_err() {
                    return deaf();
                }
                continue;
            }
            () = tokio::time::sleep_until(begun), if stop_by.is_some() => Input::Unheeded,
            () = &mut late, if talk.is_opening() => Input::Late,
            () = &mut silent, if !speaks => return Over::Useless("the agent closed its output, and did not end".to_owned()),
            () = wake.went() => continue,
        };
        if let Some(over) = hands.go_on(talk, agent, input) {
            return over;
        }
    }
}

fn deaf() -> Over {
    Over::Useless("the agent does not read what it is told".to_owned())
}

impl Hands<'_> {
    /// Goes on by one input, and does what follows.
    fn go_on(&mut self, talk: &mut Talk, agent: &Agent, input: Input) -> Option<Over> {
        let now = (self.desk.now)();
        let mut over = None;
        let mut unwritten = None;
        // What cannot be written down has not happened: nothing follows from it, and this helper knows more than its journal.
        for effect in talk.handle(now, input) {
            match effect {
                Effect::Reply(to, reply) => self.reply(to, reply, unwritten.as_deref()),
                _ if unwritten.is_some() => {}
                Effect::Note(event) => {
                    if let Err(error) = self.desk.note(event) {
                        unwritten = Some(error.to_string());
                    }
                }
                Effect::Send(frame) => {
                    if agent.send(&frame).is_err() {
                        over = Some(deaf());
                    }
                }
                Effect::Show(text) => self.printer.show(text),
                Effect::Stray(text) => self.keep(format!("{text}\n").as_bytes()),
                Effect::File { id, call } => {
                    let launch = &self.desk.launch;
                    let (workspace, scratch) = (launch.workspace.clone(), launch.directory.join(DIRECTORY));
                    let perform = move || Talk::file_done(&id, files::perform(&workspace, &scratch, &call));
                    self.calls.spawn_blocking(perform);
                }
                Effect::End(why) => over = Some(Over::Useless(why)),
            }
        }
        if let Some(error) = unwritten {
            return Some(Over::Useless(format!("cannot write the journal: {error}")));
        }
        // What every line so far came to is what the conversation knows now.
        if let Err(error) = self.desk.journal.renew(now, talk.view(), talk.queue()) {
            self.printer.show(format!("# cannot begin another journal: {error}\n"));
        }
        over
    }

    /// What could not be written down was not taken.
    fn reply(&mut self, to: u64, reply: Reply, unwritten: Option<&str>) {
        let reply = match unwritten {
            Some(error) => {
                Reply::Refused { code: Code::UNAVAILABLE, message: format!("cannot write the journal: {error}") }
            }
            None => reply,
        };
        if let Some(asking) = self.replies.remove(&to) {
            // Who asked may have gone; the key makes asking again harmless.
            let _ = asking.send(reply);
        }
    }

    fn keep(&self, bytes: &[u8]) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
    }

    fn not_started(mut self, error: &io::Error) -> io::Result<ExitCode> {
        let program = self.desk.launch.argv.first().cloned().unwrap_or_default();
        let why = format!("cannot start `{program}` ({error}); correct the agent's `argv`");
        self.printer.show(format!("# {why}\n"));
        self.desk.note(Event::Ended { why })?;
        self.printer.finish();
        Ok(ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }))
    }

    async fn finish(mut self, talk: &mut Talk, agent: &mut Agent, wake: &mut Wake, over: Over) -> io::Result<ExitCode> {
        let when = if talk.is_opening() { " before it opened a conversation (does it speak ACP?)" } else { "" };
        talk.close();
        let (why, code) = match over {
            Over::Exited(status) => {
                // Its last lines may still be on their way; what it left running holds the pipe, maybe for good.
                let last = async {
                    while let Some(line) = agent.lines.recv().await {
                        for effect in talk.handle((self.desk.now)(), Input::Line(line)) {
                            match effect {
                                Effect::Note(event) => drop(self.desk.note(event)),
                                Effect::Show(text) => self.printer.show(text),
                                Effect::Stray(text) => self.keep(format!("{text}\n").as_bytes()),
                                _ => {}
                            }
                        }
                    }
                    agent.complaints.join_next().await;
                };
                let _ = tokio::time::timeout(LAST_WORDS, last).await;
                agent.sweep();
                (format!("the agent ended{when}: {status}"), code_of(status))
            }
            Over::Told(signal) => {
                agent.end().await;
                ("it was ended".to_owned(), 128 + signal)
            }
            Over::Useless(why) => {
                agent.end().await;
                (why, 1)
            }
        };
        for frame in agent.unsent().await {
            for effect in talk.came_back((self.desk.now)(), &frame) {
                if let Effect::Note(event) = effect {
                    drop(self.desk.note(event));
                }
            }
        }
        let tail = self.log.lock().unwrap_or_else(PoisonError::into_inner).tail();
        if code != 0 && code < 128 && !tail.is_empty() {
            self.printer.show(format!("{}\n", ao_plugin_sdk::core::text::plain(&tail)));
        }
        self.printer.show(format!("# {why}\n"));
        let ended = Event::Ended { why };
        talk.noted((self.desk.now)(), &ended);
        let written = self.desk.note(ended);
        wake.look(talk.view());
        let _ = tokio::time::timeout(LAST_WORDS, wake.finish()).await;
        self.printer.finish();
        written.map(|()| ExitCode::from(code))
    }
}
