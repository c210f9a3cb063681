//! HTTP: each question is written down, decided upon, and answered at its pace.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::answer::{Event, Named, Part};
use crate::asked::{Api, Asked, Delivery};
use crate::decide::{Decision, Faults, Pace, decide};
use crate::log::{Log, Outcome, Request, Ticket};
use crate::script::{Refusal, Script};
use crate::usage::Tokens;
use crate::wire;

type Body = UnsyncBoxBody<Bytes, CutOff>;
type Answer = Response<Body>;

/// Between two words of a slow text.
const BEAT: Duration = Duration::from_secs(1);

/// After a connection that could not be taken.
const AGAIN: Duration = Duration::from_millis(20);

/// What a server knows.
pub(crate) struct State {
    pub(crate) script: Script,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) log: Arc<Log>,
    /// The gates that are open.
    pub(crate) gates: watch::Sender<BTreeSet<String>>,
}

/// A connection closes in the middle of an answer, because the script says so.
#[derive(Debug)]
struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cuts this answer off")
    }
}

impl std::error::Error for CutOff {}

/// Serves until the other side of `end` is dropped. What is under way is cut off then.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>, end: oneshot::Receiver<Infallible>) {
    let accept = async {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // It was gone before it was taken, or there are too many open files: that is asked again, and not without end.
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            let state = Arc::clone(&state);
            connections.spawn(async move {
                let answers = service_fn(move |request| handle(Arc::clone(&state), request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answers);
                // An agent that hangs up says so by an error here; the log has it already.
                let _ = connection.await;
            });
        }
    };
    match select(pin!(accept), end).await {
        Either::Left(((), _)) | Either::Right(_) => {}
    }
}

async fn handle(state: Arc<State>, request: hyper::Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let api = api(&head.method, head.uri.path());
    let target = format!("{} {}", head.method, head.uri);
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Ok(json_answer(StatusCode::BAD_REQUEST, &json!({}), api, 0));
    };
    let body: Option<Value> = serde_json::from_slice(&bytes).ok();
    let asked = body.as_ref().and_then(|body| wire::read(api, body));
    let mut ticket = state.log.asked(|number| {
        let request = Request {
            number,
            api,
            target,
            purpose: None,
            model: String::new(),
            user: String::new(),
            round: 0,
            system: String::new(),
            tools: Vec::new(),
            headers: headers(&head.headers),
            body: body.unwrap_or_default(),
            outcome: Outcome::Open,
        };
        match &asked {
            Some(asked) => Request {
                purpose: Some(asked.purpose()).filter(|_| api != Api::CountTokens),
                model: asked.model.clone(),
                user: asked.user.clone(),
                round: asked.rounds,
                system: asked.system.clone(),
                tools: asked.tools.iter().map(|tool| tool.name.clone()).collect(),
                ..request
            },
            None => request,
        }
    });
    let number = ticket.number();
    let free = |ticket: &mut Ticket, body: &Value| {
        ticket.ends(Outcome::Free);
        Ok(json_answer(StatusCode::OK, body, api, number))
    };
    let refuse = |ticket: &mut Ticket, refusal: &Refusal| {
        ticket.ends(Outcome::Refused(refusal.status));
        Ok(refused(api, refusal, number))
    };
    match (api, asked) {
        (Api::Ping, _) => free(&mut ticket, &json!({})),
        (Api::Models, _) => free(&mut ticket, &wire::models()),
        (Api::CountTokens, Some(asked)) => free(&mut ticket, &json!({ "input_tokens": Tokens::of(&asked, 0).read() })),
        (Api::Unknown, _) => refuse(&mut ticket, &Refusal::new(404)),
        (_, None) => refuse(&mut ticket, &Refusal::new(400).message("the body is no JSON")),
        (_, Some(asked)) => {
            let id = id(&bytes, number);
            let decision = {
                let mut faults = state.faults.lock().unwrap_or_else(PoisonError::into_inner);
                decide(api, &state.script, &asked, &mut faults)
            };
            match decision {
                Decision::Refuse(refusal) => refuse(&mut ticket, &refusal),
                // The ticket is dropped with this future, when whoever asked has gone.
                Decision::Hang => std::future::pending().await,
                Decision::Answer(answer) => {
                    let named = Named { id, model: asked.model.clone(), answer };
                    Ok(answered(api, &asked, &named, ticket, state.gates.subscribe()))
                }
            }
        }
    }
}

fn api(method: &Method, path: &str) -> Api {
    match (method.as_str(), path) {
        ("HEAD" | "GET", "/") => Api::Ping,
        ("GET", "/v1/models" | "/models") => Api::Models,
        ("POST", "/v1/messages") => Api::Messages,
        ("POST", "/v1/messages/count_tokens") => Api::CountTokens,
        ("POST", "/v1/chat/completions" | "/chat/completions") => Api::Chat,
        ("POST", "/v1/responses" | "/responses") => Api::Responses,
        _ => Api::Unknown,
    }
}

/// Headers, without what is secret.
fn headers(headers: &HeaderMap) -> std::collections::BTreeMap<String, String> {
    const SECRET: &[&str] = &["authorization", "x-api-key", "cookie", "proxy-authorization"];
    let shown = |name: &str, value: &[u8]| {
        if SECRET.contains(&name) { "(hidden)".to_owned() } else { String::from_utf8_lossy(value).into_owned() }
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value.as_bytes()))).collect()
}

/// Follows from the question and its number alone, so that a run can be repeated; the question holds the conversation, so
/// that no two answers in one share it.
fn id(body: &[u8], number: usize) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("{:016x}{number:06}", hasher.finish())
}

/// An answer to a question of a model, whole or as a stream.
fn answered(
    api: Api,
    asked: &Asked,
    named: &Named,
    ticket: Ticket,
    gates: watch::Receiver<BTreeSet<String>>,
) -> Answer {
    let (kind, events) = match asked.delivery {
        Delivery::Whole => {
            let body = wire::whole(api, named).to_string();
            let event = |text: &str, part| Event { text: text.to_owned(), part };
            let (first, rest) = body.split_at(1);
            ("application/json", vec![event(first, Part::Piece), event(rest, Part::End)])
        }
        delivery => ("text/event-stream; charset=utf-8", wire::events(api, named, delivery)),
    };
    let number = ticket.number();
    let pacer = Pacer {
        events: events.into_iter(),
        pace: named.answer.pace.clone(),
        pieces: 0,
        gates,
        tokens: named.answer.tokens,
        ticket,
    };
    let frames = stream::unfold(Some(pacer), |pacer| async move {
        let mut pacer = pacer?;
        match pacer.next().await? {
            Ok(event) => Some((Ok(Frame::data(Bytes::from(event))), Some(pacer))),
            Err(cut) => Some((Err(cut), None)),
        }
    });
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    label(&mut answer, api, number, kind);
    answer
}

/// The events of an answer, at its pace.
struct Pacer {
    events: std::vec::IntoIter<Event>,
    pace: Pace,
    /// How many pieces of the text are out.
    pieces: usize,
    gates: watch::Receiver<BTreeSet<String>>,
    tokens: Tokens,
    ticket: Ticket,
}

impl Pacer {
    async fn next(&mut self) -> Option<Result<String, CutOff>> {
        let event = self.events.next()?;
        let is_behind_first = self.pieces > 0 && event.part != Part::Start;
        match &self.pace {
            Pace::Slow if is_behind_first && event.part == Part::Piece => tokio::time::sleep(BEAT).await,
            Pace::Held(gate) if is_behind_first || event.part == Part::End => {
                // The sender goes when the server ends, and the connection with it.
                let _ = self.gates.wait_for(|open| open.contains(gate)).await;
            }
            Pace::Cut if event.part == Part::End => {
                // Hyper writes what it holds when there is nothing more for now, as far as the agent's side takes it; what
                // an error finds unwritten is dropped.
                tokio::task::yield_now().await;
                return Some(Err(CutOff));
            }
            _ => {}
        }
        self.pieces += usize::from(event.part == Part::Piece);
        if self.events.len() == 0 {
            // Whether the agent takes it nobody here can see: one that hangs up at its end has taken it.
            self.ticket.ends(Outcome::Answered(self.tokens));
        }
        Some(Ok(event.text))
    }
}

fn refused(api: Api, refusal: &Refusal, number: usize) -> Answer {
    // A script may hold any number; what is no status is our own fault.
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = wire::failure(api, refusal.status, refusal.message.as_deref());
    let mut answer = json_answer(status, &body, api, number);
    if let Some(seconds) = refusal.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn json_answer(status: StatusCode, body: &Value, api: Api, number: usize) -> Answer {
    let full = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(full.boxed_unsync());
    *answer.status_mut() = status;
    label(&mut answer, api, number, "application/json");
    answer
}

fn label(answer: &mut Answer, api: Api, number: usize, kind: &'static str) {
    let name = if matches!(api, Api::Messages | Api::CountTokens) { "request-id" } else { "x-request-id" };
    let value = format!("req_{number:06}");
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-cache"));
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}
