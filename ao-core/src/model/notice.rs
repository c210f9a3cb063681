//! What a human is told, and how far that got.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PluginName, ProjectName, ReactionKey, SessionId, Timestamp};
use crate::plugin::EffectClass;
use crate::record::record;
use crate::slots::notifier::{Notification, Priority};

record! {
    /// Something that a human is told.
    #[derive(Eq, JsonSchema)]
    pub struct Notice {
        required {
            /// Names it: the same id is the same notice, and is told once.
            id: String,
            /// How much it matters.
            priority: Priority,
            /// One line.
            title: String,
            /// When there was something to tell.
            at: Timestamp,
        }
        optional {
            /// Its number, in the order in which they were written down; 0 before.
            number: u64,
            /// The rest.
            body: String,
            /// Where to look, by name.
            links: BTreeMap<String, String>,
            /// The session that it is about.
            session: Option<SessionId>,
            /// The project that it is about.
            project: Option<ProjectName>,
            /// The configuration that says who is told.
            #[schemars(with = "Option<String>")]
            config_file: Option<Utf8PathBuf>,
            /// The rule that wants it told.
            #[schemars(with = "Option<String>")]
            reaction: Option<ReactionKey>,
            /// How far it got.
            state: NoticeState,
            /// Why nobody was told yet, where no delivery says so.
            why: Option<String>,
            /// Who has seen it.
            acknowledged: Option<Acknowledged>,
            /// How far it got with each notifier that it goes to.
            deliveries: Vec<NoticeDelivery>,
        }
    }

    /// Somebody has seen a notice.
    #[derive(Eq, JsonSchema)]
    pub struct Acknowledged {
        required {
            /// When.
            at: Timestamp,
            /// Who.
            by: String,
        }
    }

    /// A notice's way through one notifier.
    #[derive(Eq, JsonSchema)]
    pub struct NoticeDelivery {
        required {
            /// The notifier's name in the configuration.
            alias: PluginName,
        }
        optional {
            /// How far it is.
            state: DeliveryState,
            /// How often it was tried.
            attempts: u32,
            /// How long it has been tried, in milliseconds in which somebody looked.
            waited_ms: u64,
            /// What becomes of it where it is sent twice, as the notifier said when it was tried last.
            effect: EffectClass,
            /// Why it did not get further.
            why: Option<String>,
            /// When it was tried last.
            at: Option<Timestamp>,
            /// The receiver's name for it.
            reference: Option<String>,
        }
    }
}

/// How far a notice got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeState {
    /// Nobody was told yet.
    #[default]
    Open,
    /// A human was told: by a notifier; by the inbox, where the configuration names none; or they have seen it there.
    Told,
    /// No notifier could tell, and none tries it any more.
    Undelivered,
    /// There is nothing to tell any more.
    Withdrawn,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How far a notice got with one notifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// It is to be tried, or tried again.
    #[default]
    Waiting,
    /// It is being told. Written down before the notifier is called.
    Trying,
    /// It was told.
    Sent,
    /// It was certainly not told, and is not tried any more.
    Failed,
    /// Nobody knows whether it was told. It is not tried again, as it might be told twice.
    Uncertain,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Notice {
    /// Its way through one notifier.
    #[must_use]
    pub fn delivery(&self, alias: &PluginName) -> Option<&NoticeDelivery> {
        self.deliveries.iter().find(|delivery| delivery.alias == *alias)
    }

    /// The notifiers that it has got so far with.
    pub fn aliases(&self, state: DeliveryState) -> impl Iterator<Item = &PluginName> {
        self.deliveries.iter().filter(move |delivery| delivery.state == state).map(|delivery| &delivery.alias)
    }

    /// Whether it waits for somebody to see it.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.acknowledged.is_none() && self.state != NoticeState::Withdrawn
    }

    /// What a notifier is handed.
    #[must_use]
    pub fn notification(&self) -> Notification {
        let mut notification = Notification::new(self.id.as_str(), self.priority, self.title.as_str());
        notification.body.clone_from(&self.body);
        notification.links.clone_from(&self.links);
        notification
    }
}
