//! The helper's loop: what happens goes into the conversation, and what follows is done.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_agent_conversation::desk::{Desk, Known};
use ao_agent_conversation::outside::{LAST_WORDS, Outside};
use ao_agent_conversation::serving::{Signals, Told, code_of};
use ao_agent_conversation::socket::{Asked, Socket};
use ao_agent_conversation::wake::Wake;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::agent::Agent;
use super::files;
use crate::journal::Event;
use crate::launch::Launch;
use crate::log::Log;
use crate::printer::Printer;
use crate::talk::{Effect, Input, Talk};

/// How long opening a conversation may take: some agents are fetched first.
const OPEN_WITHIN: Duration = Duration::from_mins(3);
/// How long a turn may take to end that somebody relies on to end: what bounds a session's costs is kept, also where an agent
/// does not heed it.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How long an agent may live that closed its output.
const SILENT_WITHIN: Duration = Duration::from_secs(5);

/// Why the loop ends.
enum Over {
    /// The agent has ended.
    Exited(std::process::ExitStatus),
    /// This process is told to end, by the signal of this number.
    Told(u8),
    /// The agent cannot be spoken with.
    Useless(String),
}

/// What carries effects out.
struct Hands<'a> {
    launch: Launch,
    outside: Outside<'a>,
    /// A file that is being read or written for the agent. What it says next is not read before.
    calls: JoinSet<Effect>,
}

/// Runs the agent until it ends or this process is told to.
pub(super) async fn serve(
    launch: Launch,
    mut desk: Desk<'_>,
    prompt: Option<String>,
    known: Known,
) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let log = Arc::new(Mutex::new(Log::open(&desk.files)?));
    let (listening, mut asked) = Socket::bind(&launch.directory)?.listen();
    let mut talk = Talk::new(launch.clone(), prompt, known, files::locate);
    let started = Event::Started { helper: std::process::id() };
    talk.noted((desk.now)(), &started);
    desk.note(started)?;
    let outside = Outside::new(desk, Some(Printer::start()?), Arc::clone(&log));
    let mut agent = match Agent::start(&launch, &log) {
        Ok(agent) => agent,
        Err(error) => {
            let program = launch.argv.first().map_or("", String::as_str);
            return outside.not_started(program, &error, "argv");
        }
    };
    let mut hands = Hands { launch, outside, calls: JoinSet::new() };
    hands.outside.desk.note(Event::Launched { pid: agent.pid })?;
    let mut wake = Wake::new(hands.launch.hook.clone());
    let over = converse(&mut talk, &mut hands, &mut agent, &mut asked, &mut wake, &mut signals).await;
    // Nobody is told any more that a prompt was taken. Who asked finds it in the journal, where it stands, or nowhere.
    drop(listening);
    hands.finish(talk, &mut agent, &mut wake, over).await
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
    let mut speaks = true;
    if let Some(over) = hands.go_on(talk, agent, Input::Begin) {
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
                Told::Interrupt => Input::Interrupt,
            },
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
                Input::Control(hands.outside.waiting.add(reply), request)
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
        let now = (self.outside.desk.now)();
        let mut over = None;
        for effect in talk.handle(now, input) {
            match effect {
                Effect::Reply(to, reply) => self.outside.reply(to, reply),
                _ if !self.outside.is_sound() => {}
                Effect::Send(frame) => {
                    if agent.send(&frame).is_err() {
                        over = Some(deaf());
                    }
                }
                Effect::File { id, call } => {
                    let (workspace, scratch) = (self.launch.workspace.clone(), self.outside.desk.files.clone());
                    let perform = move || Talk::file_done(&id, files::perform(&workspace, &scratch, &call));
                    self.calls.spawn_blocking(perform);
                }
                Effect::End(why) => over = Some(Over::Useless(why)),
                said => self.tell(said),
            }
        }
        self.outside.settle(talk.ledger()).map_or_else(|error| Some(Over::Useless(error)), |()| over)
    }

    /// Does what follows for those who read: it needs no agent.
    fn tell(&mut self, effect: Effect) {
        match effect {
            Effect::Note(event) => self.outside.note(event),
            Effect::Show(text) => self.outside.show(text),
            Effect::Stray(text) => self.outside.keep(&text),
            Effect::Send(_) | Effect::Reply(..) | Effect::File { .. } | Effect::End(_) => {}
        }
    }

    async fn finish(mut self, mut talk: Talk, agent: &mut Agent, wake: &mut Wake, over: Over) -> io::Result<ExitCode> {
        let when = if talk.is_opening() { " before it opened a conversation (does it speak ACP?)" } else { "" };
        talk.close();
        let now = self.outside.desk.now;
        let (why, code) = match over {
            Over::Exited(status) => {
                // Its last lines may still be on their way; what it left running holds the pipe, maybe for good.
                let last = async {
                    while let Some(line) = agent.lines.recv().await {
                        talk.handle(now(), Input::Line(line)).into_iter().for_each(|effect| self.tell(effect));
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
            talk.came_back(now(), &frame).into_iter().for_each(|effect| self.tell(effect));
        }
        self.outside.finish(talk.into_ledger(), wake, why, code).await
    }
}
