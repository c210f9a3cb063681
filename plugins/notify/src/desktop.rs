//! The notifier `desktop`: the notifications of the desktop that `ao` runs on (`org.freedesktop.Notifications` on D-Bus,
//! the notification centre on macOS).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_notification_text::{self as text, escaped};
use ao_plugin_sdk::prelude::*;
use tokio::sync::Semaphore;

/// How much of a body is shown, in characters. Desktops show a few lines.
const BODY: usize = 1_000;

/// How long the desktop has for its answer, and for saying what it can.
const PATIENCE: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(2);

/// What is left of the call's time for the error to be told.
const MARGIN: Duration = Duration::from_millis(500);

/// How many notifications are remembered, so that one that comes again takes its own place.
const REMEMBERED: usize = 64;

/// What stands under a notifier with `plugin: desktop`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {}

/// The desktop.
pub struct DesktopNotifier {
    /// Notifications by their id, with the desktop's number for them, the oldest first.
    shown: Mutex<VecDeque<(String, u32)>>,
    /// What the desktop makes of `<` and `&`, once it has said so.
    markup: Mutex<Option<Markup>>,
    /// The right to ask it: a desktop that never answers costs one thread, not one a notification.
    asking: Arc<Semaphore>,
}

/// What a desktop makes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markup {
    /// It reads tags and entities.
    Read,
    /// It shows every character.
    Shown,
}

impl Plugin for DesktopNotifier {
    type Config = Config;

    /// What is shown is known by the desktop's number, and not after a restart, or where the desktop did not answer.
    const EFFECT: EffectClass = EffectClass::Blind;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self { shown: Mutex::default(), markup: Mutex::default(), asking: Arc::new(Semaphore::new(1)) })
    }
}

#[async_trait]
impl Notifier for DesktopNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let patience = deadline().map_or(PATIENCE, |left| left.saturating_sub(MARGIN).min(PATIENCE));
        let show = async {
            let card = card(&request, self.markup().await, self.number(&request.id));
            show(&card).await
        };
        let number = match tokio::time::timeout(patience, show).await {
            Ok(number) => number?,
            Err(_) => return Err(Error::new(Code::TIMEOUT, "the desktop's notification service does not answer")),
        };
        self.remember(&request.id, number);
        let mut notified = Notified::new();
        notified.reference = Some(number.to_string());
        Ok(notified)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let subject = "desktop notifications";
        Ok(vec![match self.ask(service).await {
            Some(Ok(name)) => Finding::new(FindingLevel::Ok, subject, format!("shown by `{name}`")),
            Some(Err(error)) => {
                let mut finding = Finding::new(FindingLevel::Fail, subject, error.to_string());
                finding.remedy = Some(NO_DESKTOP.to_owned());
                finding
            }
            None => Finding::new(FindingLevel::Warn, subject, "the notification service does not answer"),
        }])
    }
}

/// What to do where there is no desktop.
const NO_DESKTOP: &str = "start `ao` in the session of a desktop (DBUS_SESSION_BUS_ADDRESS leads to it), \
                          or use another notifier, such as `command` or `webhook`";

impl DesktopNotifier {
    /// The desktop's number for what it was shown before.
    fn number(&self, id: &str) -> Option<u32> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.iter().find(|(known, _)| known == id).map(|(_, number)| *number)
    }

    fn remember(&self, id: &str, number: u32) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|(known, _)| known != id);
        shown.push_back((id.to_owned(), number));
        if shown.len() > REMEMBERED {
            shown.pop_front();
        }
    }

    async fn markup(&self) -> Markup {
        let known = *self.markup.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(markup) = known {
            return markup;
        }
        let Some(Ok(markup)) = self.ask(markup).await else {
            // Nearly all desktops read it; where one does not, an entity is shown as it is written.
            return Markup::Read;
        };
        *self.markup.lock().unwrap_or_else(PoisonError::into_inner) = Some(markup);
        markup
    }

    /// Asks the desktop something; none while it does not answer.
    async fn ask<T: Send + 'static>(&self, ask: fn() -> Result<T>) -> Option<Result<T>> {
        let patience = deadline().map_or(SOON, |left| left.min(SOON));
        let asked = async {
            let right = Arc::clone(&self.asking).acquire_owned().await.ok()?;
            let work = move || {
                let answer = ask();
                drop(right);
                answer
            };
            Some(blocking(work).await)
        };
        tokio::time::timeout(patience, asked).await.ok().flatten()
    }
}

/// The notification as the desktop is handed it.
fn card(request: &Notification, markup: Markup, number: Option<u32>) -> notify_rust::Notification {
    let links = text::links(request).map(|link| format!("{}: {}", link.name, link.target));
    let body = Some(text::body(request, BODY)).filter(|body| !body.is_empty());
    let body = body.into_iter().chain(links).collect::<Vec<_>>().join("\n");
    let body = match markup {
        Markup::Read => escaped(&body, usize::MAX, entity),
        Markup::Shown => body,
    };
    let mut card = notify_rust::Notification::new();
    card.appname("ao").summary(&text::title(request)).body(&body);
    #[cfg(not(target_os = "macos"))]
    card.urgency(match request.priority {
        Priority::Urgent => notify_rust::Urgency::Critical,
        Priority::Warning | Priority::Action => notify_rust::Urgency::Normal,
        _ => notify_rust::Urgency::Low,
    });
    if let Some(number) = number {
        card.id(number);
    }
    card
}

fn entity(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// Shows it; answers the desktop's number for it.
#[cfg(not(target_os = "macos"))]
async fn show(card: &notify_rust::Notification) -> Result<u32> {
    Ok(card.show_async().await.map_err(|error| unreachable(&error))?.id())
}

#[cfg(target_os = "macos")]
async fn show(card: &notify_rust::Notification) -> Result<u32> {
    let card = card.clone();
    blocking(move || card.show().map(|_| 1).map_err(|error| unreachable(&error))).await
}

/// What the desktop makes of a body. Blocks its thread.
#[cfg(not(target_os = "macos"))]
fn markup() -> Result<Markup> {
    let can = notify_rust::get_capabilities().map_err(|error| unreachable(&error))?;
    Ok(if can.iter().any(|can| can == "body-markup") { Markup::Read } else { Markup::Shown })
}

#[cfg(target_os = "macos")]
fn markup() -> Result<Markup> {
    Ok(Markup::Shown)
}

/// The name of the desktop's notification service. Blocks its thread.
#[cfg(not(target_os = "macos"))]
fn service() -> Result<String> {
    Ok(notify_rust::get_server_information().map_err(|error| unreachable(&error))?.name)
}

#[cfg(target_os = "macos")]
fn service() -> Result<String> {
    Ok("the notification centre".to_owned())
}

fn unreachable(error: &notify_rust::error::Error) -> Error {
    Error::unavailable(format!("cannot reach the desktop's notification service ({error}); {NO_DESKTOP}"))
}
