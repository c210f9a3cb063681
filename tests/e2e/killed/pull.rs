//! From a red check to a merge, by rules alone: the agent hears of the check and mends it, somebody approves, it is merged
//! and put away, and a human hears that all is done. The same end, wherever the host dies.

use std::collections::BTreeSet;

use ao_core::model::facts::{EndKind, TrashState};
use ao_core::model::{DeliveryLevel, DeliveryState, ProjectName, ReactionKey, SessionId};
use ao_host::store::{OutboxState, Reader, Scope, SqliteStore};
use serde_json::json;

use super::Death;
use super::hosts::Hosts;
use super::rest;
use crate::studio::{Studio, said_in};
use crate::support::{World, exists};

/// Opens a pull request that says `bad`, and corrects that when it hears `fix`. It has a composer, and writes down what it
/// is told.
const AUTHOR: &str = r#"echo bad > feature.txt
git add feature.txt
git commit --quiet --message "Add a feature"
"$1" pr create > /dev/null
: > "$2/opened"
printf 'ready\n> '
while IFS= read -r line; do
  printf '{"text":"%s"}\n' "$line" >> "$2/said-app-1"
  case "$line" in
    *fix*)
      echo good > feature.txt
      git commit --quiet --all --message "Correct the feature"
      : > "$2/fixed" ;;
  esac
  printf '> '
done
"#;

/// What the rule tells the agent.
const TOLD: &str = "fix #1: say good";

/// The first host dies.
pub(super) fn opened(death: Death) {
    let scene = Scene::new(death);
    let mut hosts = Hosts::new(&scene.studio, death);
    hosts.start_doomed();
    let mut is_approved = false;
    hosts.play(|| {
        is_approved = is_approved || scene.approve();
        scene.is_over()
    });
    hosts.stop();
    scene.check(death);
}

/// The host dies that is there after the approval.
pub(super) fn approved(death: Death) {
    let scene = Scene::new(death);
    let mut hosts = Hosts::new(&scene.studio, death);
    hosts.start(&[]);
    scene.studio.wait("the agent has mended it", || scene.is_green());
    hosts.stop();
    assert!(scene.approve());
    hosts.start_doomed();
    hosts.play(|| scene.is_over());
    hosts.stop();
    scene.check(death);
}

struct Scene {
    studio: Studio,
    store: SqliteStore,
    id: SessionId,
}

impl Scene {
    fn new(death: Death) -> Self {
        let world = World::new();
        world.file("author.sh", AUTHOR);
        world.file("app/.gitignore", "agent-orchestrator.yaml\n");
        let studio = Studio::with(world, death.engine, "");
        let world = &studio.world;
        studio.world.file("app/tests.sh", "if [ -e feature.txt ]; then grep good feature.txt; fi\n");
        world.git(&["commit", "--quiet", "--all", "--message", "tests"]);
        world.file("bell.sh", "echo \"$AO_NOTIFICATION_ID\" >> \"$1/rung\"\n");
        studio.write_config(&config(&studio));
        let id = studio.spawn(&["--agent", "author"]);
        studio.wait("the pull request is open", || exists(&world.path("opened")));
        let store = SqliteStore::open(&studio.places().state_db()).unwrap();
        Self { studio, store, id: id.parse().unwrap() }
    }

    /// Somebody approves what the agent has mended, once.
    fn approve(&self) -> bool {
        if !exists(&self.studio.world.path("fixed")) {
            return false;
        }
        self.studio.world.ao(&["pr", "review", "1", "--approve"]).succeeds();
        rest::has_no_buffers(&self.studio, "after the agent was told");
        true
    }

    /// Whether everything is done that comes before the approval.
    fn is_green(&self) -> bool {
        let Some(pull) = self.store.session(&self.id).unwrap().unwrap().pull else { return false };
        let passed = |check: &ao_core::slots::scm::Check| check.state == ao_core::slots::scm::CheckState::Passed;
        exists(&self.studio.world.path("fixed"))
            && !pull.snapshot.checks.is_empty()
            && pull.snapshot.checks.iter().all(passed)
            && self.store.open_intents().unwrap().is_empty()
    }

    fn project(&self) -> Scope {
        let name: ProjectName = "app".parse().unwrap();
        Scope::project(&name, &self.studio.world.path("app"))
    }

    fn is_over(&self) -> bool {
        let session = self.store.session(&self.id).unwrap().unwrap();
        let is_away = session.trash.last().is_some_and(|item| item.state == TrashState::Stored);
        session.end.is_some()
            && is_away
            && session.op.is_none()
            && self.store.intents_of(&self.project()).unwrap().iter().any(|entry| entry.state == OutboxState::Done)
            && rest::is_settled(&self.store)
            && !rest::has_copies(&self.studio)
    }

    fn check(&self, death: Death) {
        let (studio, label) = (&self.studio, death.label());
        let merges = studio.git(&["log", "--merges", "--format=%s", "main"]);
        assert_eq!(merges, "Merge pull request #1 from ao/app-1\n", "{label}");
        let file = fs_err::read_to_string(studio.world.path("app/feature.txt")).unwrap();
        assert_eq!(file, "good\n", "{label}");

        // The agent keeps a record: once, and known to have arrived.
        assert_eq!(said_in(&studio.world.path("said-app-1")), [TOLD], "{label}");
        let levels: Vec<_> = self.store.messages(&self.id).unwrap().iter().map(|message| message.level).collect();
        assert_eq!(levels, [DeliveryLevel::Acked], "{label}");
        let intents = [Scope::session(&self.id), self.project()].map(|scope| self.store.intents_of(&scope).unwrap());
        let mut done = 0;
        for entry in intents.iter().flatten() {
            done += usize::from(entry.state == OutboxState::Done);
            // That all is done may be seen for a moment before the worktree is put away.
            let is_fine = entry.state == OutboxState::Done
                || (entry.state == OutboxState::Superseded && entry.intent.reaction == ReactionKey::AllComplete);
            assert!(is_fine, "{label}: {entry:?}");
        }
        assert_eq!(done, 3, "{label}: the agent is told, it is merged, a human is told: {intents:?}");

        self.humans_are_told(&label);
        let session = self.store.session(&self.id).unwrap().unwrap();
        assert_eq!(session.end.map(|end| end.kind), Some(EndKind::Merged), "{label}");
        let place = &session.trash.last().unwrap().place;
        assert_eq!(session.trash.len(), 1, "{label}");
        assert_eq!(fs_err::read_to_string(place.join("feature.txt")).unwrap(), "good\n", "{label}");
        rest::has_worktrees(studio, &[place.as_path()], &label);
        rest::has_refs(
            studio,
            &["heads/main", "ao/merge/1", "ao/prs/1", "ao/sessions/app-1", "ao/trash/app-1"],
            &label,
        );
        rest::nothing_is_left(studio, &label);
    }

    /// Of what there is to tell each notifier has each once; a doubt is shown.
    fn humans_are_told(&self, label: &str) {
        let waiting = self.store.waiting_notices(u32::MAX).unwrap();
        let titles: Vec<_> = waiting.iter().map(|notice| notice.title.as_str()).collect();
        assert_eq!(waiting.len(), 1, "{label}: {titles:?}");
        let id = waiting[0].id.as_str();
        let lines = fs_err::read_to_string(self.studio.world.path("told.ndjson")).unwrap();
        let written: Vec<_> =
            lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
        let ids: BTreeSet<_> = written.iter().map(|line| line["id"].as_str().unwrap()).collect();
        assert_eq!(ids, BTreeSet::from([id]), "{label}");
        // Whichever step the host dies at, a notifier may be at work just then. Who reads the file drops what has a known id.
        assert!(written.len() <= 2, "{label}: {lines}");
        let rung = fs_err::read_to_string(self.studio.world.path("rung")).unwrap_or_default();
        let bell = waiting[0].deliveries.iter().find(|delivery| delivery.alias.as_str() == "bell").unwrap();
        match bell.state {
            DeliveryState::Sent => assert_eq!(rung.lines().collect::<Vec<_>>(), [id], "{label}"),
            DeliveryState::Uncertain => {
                assert!(rung.lines().count() <= 1, "{label}: {rung}");
                let inbox = self.studio.world.ao(&["inbox"]).stdout();
                assert!(inbox.contains("bell: ") && inbox.contains("not known whether it arrived"), "{label}: {inbox}");
            }
            other => panic!("{label}: {other:?}"),
        }
    }
}

fn config(studio: &Studio) -> String {
    let (script, root) = (studio.world.path("author.sh"), studio.world.path(""));
    let root = root.as_str().trim_end_matches('/');
    let author = json!({
        "plugin": "command",
        "argv": ["sh", script.as_str(), env!("CARGO_BIN_EXE_ao"), root],
        "ready": "ready",
        "draft": r"^> ?(.*)\z",
        "transcript": { "path": format!("{root}/said-{{session}}") },
    });
    let bell = json!({ "plugin": "command", "argv": ["sh", format!("{root}/bell.sh"), root] });
    let rules = json!({
        "ci-failed": { "message": "fix #{{ pull.number }}: say good" },
        "approved-and-green": { "auto": true, "action": "auto-merge" },
        "agent-idle": { "enabled": false },
    });
    let file = json!({ "plugin": "file", "path": format!("{root}/told.ndjson") });
    let engine = studio.engine().name();
    format!(
        "version: 1\nagents: {{ author: {author} }}\nnotifiers: {{ bell: {bell}, log: {file} }}\n\
         defaults: {{ runtime: {engine}, agent: author, notifiers: [bell, log] }}\nreactions: {rules}\n\
         lifecycle: {{ mergeGrace: 1s }}\nprojects:\n  app:\n    path: .\n    scm: local\n    \
         checks: {{ commands: {{ tests: [sh, tests.sh] }} }}\n"
    )
}
