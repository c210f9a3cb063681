//! Pull requests, checks and reviews.

mod pull;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use pull::*;

use super::common::{Doctor, FindEffect, Finding, Proof, unsupported};
use super::define::slots;
use crate::model::{BranchName, SessionId};
use crate::record::{objects, record};

slots! {
/// Pull requests, checks and reviews.
slot scm: trait Scm {
    /// What many sessions' pull requests look like.
    [call 60s idem] snapshot(request: SnapshotRequest) -> Result<Snapshot>;
    /// A page of pull requests, without what only a look at one computes: checks, threads, conflicts.
    [call 60s idem] list(request: ListPulls) -> Result<PullPage> { unsupported("listing pull requests") }
    /// Everything that was said about one pull request.
    [call 60s idem] conversation(request: ConversationRequest) -> Result<Conversation> { unsupported("showing what was said") }
    /// What a pull request changes.
    [call 60s idem] diff(request: PullDiffRequest) -> Result<PullDiff> { unsupported("showing changes") }
    /// The end of a check's log.
    [call 60s idem] check_log(request: CheckLogRequest) -> Result<CheckLog>;
    /// Opens a pull request.
    [call 60s once] open_pull(request: OpenPull) -> Result<PullRef> { unsupported("opening pull requests") }
    /// Merges a pull request if its head is still the expected one.
    [call 60s once] merge(request: MergeRequest) -> Result<MergeOutcome>;
    /// Changes a pull request.
    [call 30s once] update(request: UpdatePull) -> Result<PullRef> { unsupported("changing pull requests") }
    /// Whether an effect with this key happened.
    [call 30s idem] find_effect(request: FindEffect) -> Result<Proof> { Ok(Proof::Unknown) }
    /// What to fetch for a pull request; the workspace slot does it.
    [call 10s idem] checkout(request: CheckoutRequest) -> Result<RefSpec> { unsupported("checking out") }
    /// Verifies a webhook and says what it wakes.
    [call 5s idem] webhook(request: WebhookDelivery) -> Result<WebhookVerdict> { unsupported("webhooks") }
    /// Whether what the plugin needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// Asks for pull requests.
    #[derive(Eq)]
    pub struct SnapshotRequest {
        required {
            /// The repository, such as `acme/app`; the project's directory where the configuration names none. The same in
            /// every request of this slot.
            repository: String,
            /// Which pull requests.
            targets: Vec<PullTarget>,
        }
        optional {
            /// The [`Snapshot::known`] of the last one.
            known: Option<String>,
        }
    }

    /// A session's pull request, by number or by branch.
    #[derive(Eq)]
    pub struct PullTarget {
        required {
            /// The session.
            session: SessionId,
            /// Its branch.
            branch: BranchName,
        }
        optional {
            /// The number, once it is known.
            number: Option<u64>,
        }
    }

    /// Pull requests as they are.
    #[derive(Eq)]
    pub struct Snapshot {
        required {
            /// One for each target.
            pulls: Vec<PullObservation>,
        }
        optional {
            /// Handed back at the next snapshot.
            known: Option<String>,
        }
    }

    /// What was seen of one target.
    #[derive(Eq)]
    pub struct PullObservation {
        required {
            /// The session.
            session: SessionId,
            /// What was found.
            found: PullFound,
        }
    }

    /// Asks for pull requests.
    #[derive(Eq)]
    pub struct ListPulls {
        required {
            /// The repository.
            repository: String,
        }
        optional {
            /// Only those in this state.
            state: Option<PullState>,
            /// Only those from this branch.
            branch: Option<BranchName>,
            /// Continue after a former [`PullPage::next`].
            page: Option<String>,
        }
    }

    /// A page of pull requests, the newest first.
    #[derive(Eq)]
    pub struct PullPage {
        required {
            /// The pull requests.
            pulls: Vec<PullSnapshot>,
        }
        optional {
            /// Where the next page begins; none at the end.
            next: Option<String>,
        }
    }

    /// Asks what was said.
    #[derive(Eq)]
    pub struct ConversationRequest {
        required {
            /// The repository.
            repository: String,
            /// The pull request.
            pull: PullRef,
        }
    }

    /// What was said, in its order.
    #[derive(Eq)]
    pub struct Conversation {
        required {
            /// Reviews and comments.
            remarks: Vec<Remark>,
        }
    }

    /// Asks what a pull request changes.
    #[derive(Eq)]
    pub struct PullDiffRequest {
        required {
            /// The repository.
            repository: String,
            /// The pull request.
            pull: PullRef,
            /// At most this many bytes of it.
            max_bytes: u64,
        }
    }

    /// What a pull request changes, against the commit of its base that it began from.
    #[derive(Eq)]
    pub struct PullDiff {
        required {
            /// As `git diff` writes it; bytes that are no text are replaced.
            text: String,
        }
        optional {
            /// Whether it is longer than was asked for.
            truncated: bool,
        }
    }

    /// Asks for a log.
    #[derive(Eq)]
    pub struct CheckLogRequest {
        required {
            /// The repository.
            repository: String,
            /// The pull request.
            pull: PullRef,
            /// The check's name.
            check: String,
            /// At most this many bytes, from the end.
            max_bytes: u64,
        }
    }

    /// The end of a log.
    #[derive(Eq)]
    pub struct CheckLog {
        required {
            /// The text, without control sequences.
            text: String,
        }
    }

    /// Opens a pull request.
    #[derive(Eq)]
    pub struct OpenPull {
        required {
            /// Names this effect.
            key: String,
            /// The repository.
            repository: String,
            /// From which branch.
            branch: BranchName,
            /// Into which branch.
            base: BranchName,
            /// One line.
            title: String,
        }
        optional {
            /// The text.
            body: String,
            /// Whether it is not to be merged yet.
            draft: bool,
            /// Who opens it, where the provider does not know.
            author: Option<String>,
            /// The session whose agent opens it.
            session: Option<SessionId>,
        }
    }

    /// Merges a pull request.
    #[derive(Eq)]
    pub struct MergeRequest {
        required {
            /// Names this effect.
            key: String,
            /// The repository.
            repository: String,
            /// Which.
            pull: PullRef,
            /// The head that was reviewed.
            expected_head: String,
            /// How.
            method: MergeMethod,
        }
        optional {
            /// Where the base stood when it was decided to merge. Anywhere unless set.
            expected_base: Option<String>,
            /// The message of the commit, where one is made. The provider's own unless set.
            message: Option<String>,
        }
    }

    /// Changes a pull request.
    #[derive(Eq)]
    pub struct UpdatePull {
        required {
            /// Names this effect.
            key: String,
            /// The repository.
            repository: String,
            /// Which.
            pull: PullRef,
            /// What changes.
            change: PullChange,
        }
        optional {
            /// Who changes it, where the provider does not know.
            author: Option<String>,
        }
    }

    /// A remark of a review about one line.
    #[derive(Eq)]
    pub struct LineRemark {
        required {
            /// The file.
            path: String,
            /// The line at the head, from 1 on.
            line: u64,
            /// Its text.
            body: String,
        }
    }

    /// Asks what to fetch.
    #[derive(Eq)]
    pub struct CheckoutRequest {
        required {
            /// The repository.
            repository: String,
            /// Which.
            pull: PullRef,
        }
    }

    /// What to fetch.
    #[derive(Eq)]
    pub struct RefSpec {
        required {
            /// The remote's name or URL.
            remote: String,
            /// The ref there.
            reference: String,
        }
    }

    /// A webhook as it arrived.
    #[derive(Eq)]
    pub struct WebhookDelivery {
        required {
            /// Its headers, names in lower case.
            headers: BTreeMap<String, String>,
            /// Its body.
            body: String,
        }
    }
}

/// What was found for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PullFound {
    /// A pull request.
    Found {
        /// It.
        snapshot: Box<PullSnapshot>,
    },
    /// There is none.
    Absent,
    /// It could not be looked at.
    Unknown {
        /// Why.
        why: String,
    },
    /// A kind of answer that this version does not know: as good as none.
    #[serde(other)]
    Unrecognised,
}

/// How to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MergeMethod {
    /// With a merge commit.
    Merge,
    /// As one commit.
    Squash,
    /// As the same commits on the base.
    Rebase,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a merge ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MergeOutcome {
    /// It is merged.
    Merged {
        /// The commit on the base.
        commit: String,
    },
    /// The head is not the expected one any more.
    HeadMoved,
    /// The base is not where it was expected any more.
    BaseMoved,
    /// It cannot be merged as things are.
    Blocked {
        /// Why.
        why: String,
        /// What to do about it: where one will do, a command as it is typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
        /// Files that conflict with the base.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conflicts: Vec<String>,
    },
    /// It will be merged by a queue.
    Queued,
    /// An outcome that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What changes in a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PullChange {
    /// It is closed.
    Close,
    /// It is no draft any more.
    Ready,
    /// It is open again.
    Reopen,
    /// Another title or text.
    Edit {
        /// One line; the old one unless set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The text; the old one unless set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// A new comment.
    Comment {
        /// Its text.
        body: String,
        /// The thread that it answers; none begins one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<String>,
    },
    /// A review.
    Review {
        /// The commit that was reviewed.
        head: String,
        /// What is concluded.
        verdict: Verdict,
        /// Its text.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        body: String,
        /// Remarks about lines; each begins a thread.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remarks: Vec<LineRemark>,
    },
    /// A thread is resolved.
    Resolve {
        /// The thread's id.
        thread: String,
    },
    /// A change that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

/// What a webhook is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookVerdict {
    /// It is genuine.
    Verified {
        /// The provider's id of the delivery.
        delivery: String,
        /// The pull requests that may have changed.
        wakes: Vec<PullRef>,
    },
    /// It is not.
    Rejected {
        /// Why.
        why: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

objects!(PullFound, MergeOutcome, PullChange, WebhookVerdict);
