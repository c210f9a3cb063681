//! Where the keys of a rule come from, when several files speak of it.

use super::*;
use crate::config::RuleKey;
use crate::model::ReactionKey;

#[test]
fn each_key_knows_the_file_and_the_line_that_decided_it() {
    let user = "\
version: 1
reactions:
  ci-failed: { retries: 5, priority: info }
";
    let repository = "\
version: 1
projects:
  app:
    path: /app
    reactions:
      ci-failed:
        escalateAfter: 1h
  other: { path: /other }
reactions:
  ci-failed:
    retries: 1
  agent-stuck: { threshold: 5m }
";
    let document = |file: &str, text: &str| Document::parse(Utf8Path::new(file), text.as_bytes()).unwrap();
    let documents = [document("/home/config.yaml", user), document("/src/ao.yaml", repository)];
    let config = Config::layered(documents, None).unwrap();
    let shown = |project: &str, rule: ReactionKey, key: RuleKey| {
        let project = config.project(&project.parse().unwrap()).unwrap();
        project.reactions.get(rule).unwrap().origin.key(key).map(ToString::to_string)
    };
    let ci = ReactionKey::CiFailed;
    for (project, rule, key, place) in [
        ("app", ci, RuleKey::Priority, Some("/home/config.yaml:3:28 reactions.ci-failed.priority")),
        ("app", ci, RuleKey::Retries, Some("/src/ao.yaml:11:5 reactions.ci-failed.retries")),
        ("app", ci, RuleKey::EscalateAfter, Some("/src/ao.yaml:7:9 projects.app.reactions.ci-failed.escalateAfter")),
        ("app", ci, RuleKey::Action, None),
        ("other", ci, RuleKey::EscalateAfter, None),
        (
            "app",
            ReactionKey::AgentStuck,
            RuleKey::Threshold,
            Some("/src/ao.yaml:12:18 reactions.agent-stuck.threshold"),
        ),
        ("app", ReactionKey::PrClosed, RuleKey::Action, None),
    ] {
        assert_eq!(shown(project, rule, key).as_deref(), place, "{project} {rule} {key}");
    }
    let nearest = |project: &str, rule: ReactionKey| {
        let project = config.project(&project.parse().unwrap()).unwrap();
        project.reactions.get(rule).unwrap().origin.nearest(RuleKey::Action).map(ToString::to_string)
    };
    assert_eq!(nearest("app", ci).as_deref(), Some("/src/ao.yaml:6:7 projects.app.reactions.ci-failed"));
    assert_eq!(nearest("other", ci).as_deref(), Some("/src/ao.yaml:10:3 reactions.ci-failed"));
    assert_eq!(nearest("other", ReactionKey::PrClosed), None);
}
