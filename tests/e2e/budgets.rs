//! Budgets and prices: what a conversation has used is shown, and what has used what it may is held, and not joined by another.
//! No agent here says what it has used, so that is written into its facts; looks that say nothing of it leave it there.

use ao_core::model::SessionId;
use ao_core::slots::agent::ModelUsage;
use ao_host::store::{SqliteStore, Store};

use crate::studio::{Engine, Studio, said};

impl Studio {
    /// A session's conversation has used so many tokens of these models.
    fn uses(&self, id: &str, models: &[(&str, u64)]) {
        let store = SqliteStore::open(&self.places().state_db()).unwrap();
        let usage = |(model, tokens): &(&str, u64)| {
            let mut usage = ModelUsage::new(*model);
            usage.output_tokens = *tokens;
            usage
        };
        let usage: Vec<_> = models.iter().map(usage).collect();
        let id: SessionId = id.parse().unwrap();
        let used = store.change(&id, &mut |session| {
            session.agent.as_mut().unwrap().usage.clone_from(&usage);
            Ok(Vec::new())
        });
        used.unwrap();
    }

    fn budget(&self, budgets: &str, prices: &str) {
        let text = self.config("");
        self.write_config(&format!("{text}budgets: {{ {budgets} }}\nprices: {{ {prices} }}\n"));
    }
}

#[test]
fn a_budget_holds_refuses_and_is_lifted() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    let plain = studio.world.ao(&["status"]).succeeds().stdout();
    assert!(!plain.contains("USED") && !plain.contains("has used"), "{plain}");
    assert_eq!(studio.show(&id).get("usage"), None);

    studio.uses(&id, &[("claude-haiku-4-5-20251001", 1_000_000), ("mine", 200_000), ("nobody-knows", 34_567)]);
    studio.budget("session: { usd: 5.50 }, project: { tokens: 2000000 }", "mine: { input: 0.3, output: 1.5 }");
    let table = studio.world.ao(&["status"]).succeeds().stdout();
    assert!(table.contains("USED") && table.contains("1.2M, $5.30+"), "{table}");
    let line = "app has used 1234567 tokens, $5.30 as far as prices are known; left: 765433 tokens";
    assert!(table.contains(line), "{table}");
    let shown = studio.world.ao(&["session", "show", &id]).succeeds().stdout();
    for words in [
        "1234567 tokens, $5.30 as far as prices are known; left: $0.20",
        "of 2026-02-20; none for nobody-knows: a budget in dollars does not count them",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let json = studio.world.json(&["status"]);
    assert_eq!(json["sessions"][0]["usage"]["cost_micros"], 5_300_000);
    assert_eq!(json["projects"][0]["tokens_left"], 765_433);
    assert_eq!(studio.show(&id)["usage"]["cost_micros_left"], 200_000);

    // One more goes, until the project has used it up.
    studio.world.ao(&["spawn", "--agent", "sleeper", "--dry-run"]).succeeds();
    studio.budget("session: { usd: 5.50 }, project: { tokens: 1234567 }", "");
    for arguments in [&["spawn", "--agent", "sleeper"][..], &["spawn", "--agent", "sleeper", "--dry-run"]] {
        let refused = studio.world.ao(arguments);
        let words = "`budgets.project.tokens` is 1234567 tokens, and the sessions of `app` have used 1234567 tokens";
        assert!(refused.code() == 75 && refused.stderr().contains(words), "{refused}");
    }
    assert_eq!(studio.world.json(&["status", "--all"])["sessions"].as_array().unwrap().len(), 1, "no row was made");

    studio.world.ao(&["reconcile"]);
    assert_eq!(studio.status(&id), "paused");
    let inbox = studio.world.ao(&["inbox"]).stdout();
    assert!(
        inbox.contains("held: `budgets.project.tokens` is 1234567 tokens, and the sessions of `app` have used 1234567"),
        "{inbox}"
    );
    let log = studio.world.ao(&["events"]).succeeds().stdout();
    // A program that is quiet may look as if it waited.
    let words = "budgets.project.tokens is 1234567 tokens, used 1234567 tokens; its agent";
    assert!(log.contains("budget.exceeded") && log.contains(words), "{log}");
    let resumed = studio.world.ao(&["resume", &id]);
    assert!(format!("{resumed}").contains("its budget is used up, which no `ao resume` lifts"), "{resumed}");

    studio.budget("project: { tokens: 1234568 }", "");
    studio.world.ao(&["reconcile"]);
    assert_eq!(studio.show(&id)["session"].get("hold"), None, "raised, it is lifted");
    studio.world.ao(&["spawn", "--agent", "sleeper"]).succeeds();
}

/// One more turn is what a used up budget forbids, whoever asks for it.
#[test]
fn a_message_to_whoever_may_use_nothing_more_waits() {
    let studio = Studio::new(Engine::Pty);
    let id = studio.listen("prompter");
    studio.uses(&id, &[("mine", 1000)]);
    studio.budget("session: { tokens: 1000 }", "");
    studio.world.ao(&["reconcile"]);
    let run = studio.world.ao(&["send", "--json", &id, "go on"]);
    assert_eq!((run.code(), &run.json()["level"]), (75, &serde_json::Value::from("queued")), "{run}");
    assert!(run.json()["detail"].as_str().unwrap().starts_with("its budget is used up"), "{run}");
    studio.world.ao(&["reconcile"]);
    assert!(said(&studio, &id).is_empty());
    studio.budget("session: { tokens: 1001 }", "");
    studio.world.ao(&["reconcile"]);
    studio.world.ao(&["send", "--wait", &id, "and on"]).succeeds();
    assert_eq!(said(&studio, &id), ["go on", "and on"]);
}

/// A program that keeps no conversation begins another with each launch.
#[test]
fn what_was_used_before_a_restore_counts() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    studio.uses(&id, &[("mine", 1000)]);
    studio.budget("session: { tokens: 1200 }", "mine: { input: 0.3, output: 1.5 }");
    for (more, left) in [(150, 50), (49, 1)] {
        studio.world.ao(&["session", "kill", &id]).succeeds();
        studio.world.ao(&["session", "restore", &id]).succeeds();
        studio.uses(&id, &[("mine", more)]);
        assert_eq!(studio.show(&id)["usage"]["tokens_left"], left);
    }
    studio.uses(&id, &[("mine", 50)]);
    studio.world.ao(&["reconcile"]);
    assert_eq!(studio.status(&id), "paused");
    assert_eq!(studio.world.json(&["status"])["projects"][0]["tokens"], 1200);
}
