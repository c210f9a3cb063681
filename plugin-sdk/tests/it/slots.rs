//! One plugin a slot that does nearly everything wrong: every check of its own must be able to fail.

use std::collections::BTreeSet;

use ao_plugin_sdk::conformance::{self, Report};
use ao_plugin_sdk::core::model::facts::ExitMeaning;
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::core::slots::{Agent, Notifier, Runtime, Scm, Terminal, Workspace};
use ao_plugin_sdk::prelude::*;

/// No keys.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "ao_plugin_sdk::schemars")]
struct Config {}

/// Does nearly everything wrong.
struct Wrong;

impl Plugin for Wrong {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self)
    }
}

fn number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Every check of the slot's own fails, but for these.
fn all_fail(report: &Report, but: &[&str]) {
    let prefix = format!("{}.", report.slot);
    let failed: BTreeSet<_> = report.failed().map(|record| record.check.as_str()).collect();
    let own = report.checks.iter().map(|record| record.check.as_str()).filter(|check| check.starts_with(&prefix));
    let missed: BTreeSet<_> = own.filter(|check| !failed.contains(check) && !but.contains(check)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}\n{report}");
    for check in but {
        assert!(!failed.contains(check), "{check} can fail here; take it from the list");
    }
}

#[async_trait]
impl Agent for Wrong {
    async fn detect(&self, _request: DetectAgent) -> Result<AgentAvailability> {
        Ok(AgentAvailability::new(AvailabilityState::Usable, " "))
    }

    async fn plan(&self, _request: PlanLaunch) -> Result<LaunchPlan> {
        let mut plan = LaunchPlan::new(vec![number().to_string()], PromptDelivery::AtLaunch);
        plan.files = vec![LaunchFile::new("../outside", "")];
        plan.exit_meaning = ExitMeaning::Completion;
        Ok(plan)
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let strange = request.targets.iter().any(|target| target.screen.is_some());
        let seen = request.targets.into_iter().skip(usize::from(strange || number().is_multiple_of(2)));
        Ok(seen.map(|target| AgentObservation::new(target.session)).collect())
    }

    async fn interpret(&self, _request: HookEvent) -> Result<Vec<AgentObservation>> {
        Ok(vec![AgentObservation::new("somebody-1".parse::<SessionId>().expect("a sound test"))])
    }

    async fn deliver(&self, _request: DeliverMessage) -> Result<DeliverPlan> {
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Submit, Input::Submit] })
    }

    async fn confirm(&self, _request: ConfirmDelivery) -> Result<Proof> {
        Ok(Proof::Found { reference: "trust me".into() })
    }
}

#[test]
fn every_check_of_an_agent_can_fail() {
    all_fail(&conformance::agent::<Wrong>(json!({})).effects().run(), &[]);
}

#[async_trait]
impl Notifier for Wrong {
    async fn notify(&self, _request: Notification) -> Result<Notified> {
        Err(Error::unavailable("nobody is there"))
    }
}

#[test]
fn every_check_of_a_notifier_can_fail() {
    all_fail(&conformance::notifier::<Wrong>(json!({})).effects().run(), &[]);
}

#[async_trait]
impl Terminal for Wrong {
    async fn open(&self, request: OpenSessions) -> Result<Opened> {
        for handle in &request.handles {
            assert!(handle.data["pane"].is_string(), "a handle has a pane");
        }
        Ok(Opened::new(vec![String::new()]))
    }

    async fn is_open(&self, _request: OpenSessions) -> Result<Vec<bool>> {
        Ok(vec![true])
    }
}

#[test]
fn every_check_of_a_terminal_can_fail() {
    let handle = r#"{"plugin": "x", "session": "x-1", "key": "key", "data": {}}"#;
    all_fail(&conformance::terminal::<Wrong>(json!({})).handle(handle).effects().run(), &[]);
}

#[async_trait]
impl Scm for Wrong {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        if request.targets.len() > 1 || request.known.is_some() {
            return Ok(Snapshot::new(Vec::new()));
        }
        let absent = |target: PullTarget| PullObservation::new(target.session, PullFound::Absent);
        let mut snapshot = Snapshot::new(request.targets.into_iter().map(absent).collect::<Vec<_>>());
        snapshot.known = Some("seen".into());
        Ok(snapshot)
    }

    async fn list(&self, _request: ListPulls) -> Result<PullPage> {
        let mut page = PullPage::new(Vec::new());
        page.next = Some("always".into());
        Ok(page)
    }

    async fn conversation(&self, _request: ConversationRequest) -> Result<Conversation> {
        Ok(Conversation::new(Vec::new()))
    }

    async fn diff(&self, _request: PullDiffRequest) -> Result<PullDiff> {
        Ok(PullDiff::new("+ everything"))
    }

    async fn check_log(&self, _request: CheckLogRequest) -> Result<CheckLog> {
        Ok(CheckLog::new("\u{1b}[31mred"))
    }

    async fn open_pull(&self, _request: OpenPull) -> Result<PullRef> {
        Ok(PullRef::new(number()))
    }

    async fn merge(&self, request: MergeRequest) -> Result<MergeOutcome> {
        Ok(MergeOutcome::Merged { commit: request.expected_head })
    }

    async fn update(&self, request: UpdatePull) -> Result<PullRef> {
        Ok(request.pull)
    }

    async fn find_effect(&self, request: FindEffect) -> Result<Proof> {
        let known = !request.key.contains("never-used");
        Ok(if known { Proof::Absent } else { Proof::Found { reference: "somewhere".into() } })
    }

    async fn checkout(&self, _request: CheckoutRequest) -> Result<RefSpec> {
        Ok(RefSpec::new("--upload-pack=x", ""))
    }

    async fn webhook(&self, _request: WebhookDelivery) -> Result<WebhookVerdict> {
        Ok(WebhookVerdict::Verified { delivery: "1".into(), wakes: Vec::new() })
    }
}

#[test]
fn every_check_of_an_scm_can_fail() {
    let kit = conformance::scm::<Wrong>(json!({})).repository("acme/app").branch("ao/x-1").pull("1").missing("404");
    all_fail(&kit.check_name("build").new_branch("ao/x-2").base("main").effects().run(), &[]);
}

#[async_trait]
impl Workspace for Wrong {
    async fn create(&self, request: CreateWorkspace) -> Result<WorkspaceInfo> {
        if request.branch.as_str().contains('$') {
            return Err(Error::invalid_input("only plain names"));
        }
        // In the place of whatever is there.
        let _ = std::fs::create_dir(&request.target);
        let mut info = WorkspaceInfo::new(request.target, "head");
        info.branch = Some(request.branch);
        Ok(info)
    }

    #[expect(clippy::disallowed_methods, reason = "what a workspace must not do")]
    async fn discard(&self, request: DiscardWorkspace) -> Result<Discarded> {
        let _ = std::fs::remove_dir_all(&request.path);
        Ok(Discarded::Gone)
    }

    #[expect(clippy::disallowed_methods, reason = "what a workspace must not do")]
    async fn preserve(&self, request: PreserveWorkspace) -> Result<Receipt> {
        let _ = std::fs::remove_dir_all(&request.path);
        Ok(Receipt::new(Vec::new()))
    }

    async fn observe(&self, _request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(vec![WorkspaceObservation::new("/elsewhere", Presence::Present)])
    }

    async fn list(&self, _request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        Ok(vec![WorkspaceInfo::new("/elsewhere", "head"), WorkspaceInfo::new("/elsewhere/too", "head")])
    }

    async fn identify(&self, _request: IdentifySession) -> Result<Identified> {
        Ok(Identified::new())
    }

    async fn check_out(&self, _request: CheckOutCommit) -> Result<CheckedOut> {
        Ok(CheckedOut::new())
    }

    async fn identities(&self, request: FindIdentities) -> Result<Identities> {
        let mut found = Identities::new();
        found.projects = request.projects.into_iter().map(ProjectIdentities::new).collect();
        Ok(found)
    }
}

#[test]
fn every_check_of_a_workspace_can_fail() {
    let kit = conformance::workspace::<Wrong>(json!({})).project("/nonexistent/project").effects();
    all_fail(&kit.run(), &[]);
}

#[async_trait]
impl Runtime for Wrong {
    async fn create(&self, request: CreateRuntime) -> Result<RuntimeHandle> {
        let plugin: PluginName = "wrong".parse().expect("a sound test");
        Ok(RuntimeHandle::new(plugin, request.session, request.key, json!(number())))
    }

    async fn destroy(&self, _request: DestroyRuntime) -> Result<Destroyed> {
        Err(Error::not_found("it is gone"))
    }

    async fn send(&self, _request: SendInput) -> Result<Delivery> {
        Ok(Delivery::new(DeliveryLevel::Submitted))
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let dead = |handle: RuntimeHandle| RuntimeObservation::new(handle.session, Liveness::Alive);
        Ok(request.handles.into_iter().map(dead).collect())
    }

    async fn list(&self, _request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        let (plugin, session): (PluginName, SessionId) =
            ("wrong".parse().expect("a sound test"), "somebody-1".parse().expect("a sound test"));
        Ok(vec![RuntimeHandle::new(plugin, session, "somebody's", json!({}))])
    }

    async fn output(&self, _request: ReadOutput) -> Result<Output> {
        Ok(Output::new("first line", 0_u64))
    }

    async fn attach(&self, _request: Attach) -> Result<AttachPlan> {
        Ok(AttachPlan::None { why: String::new() })
    }

    async fn terminal(&self, _request: OpenTerminal) -> Result<BoxStream> {
        Err(Error::other("broken"))
    }

    async fn watch(&self, _request: WatchRuntimes) -> Result<BoxStream> {
        Err(Error::other("broken"))
    }
}

#[test]
fn every_check_of_a_runtime_can_fail() {
    let kit = conformance::runtime::<Wrong>(json!({})).holder("/nonexistent/ao").argv(["cat"]).effects();
    all_fail(&kit.run(), &[]);
}
