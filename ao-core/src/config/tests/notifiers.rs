//! Who is told of what.

use super::super::SlotConfig;
use super::{complaint, config, document, global, home};
use crate::config::Config;
use crate::slots::notifier::Priority;

fn names(route: &[SlotConfig]) -> Vec<String> {
    let name = |notifier: &SlotConfig| match &notifier.instance {
        Some(alias) => format!("{alias}={}", notifier.plugin),
        None => notifier.plugin.to_string(),
    };
    route.iter().map(name).collect()
}

#[test]
fn a_priority_has_its_own_route_or_that_of_all() {
    let config = config(
        "version: 1\nnotifiers: { team: { plugin: slack, url: x }, desktop: desktop }\n\
         notificationRouting: { urgent: [team, file, team], info: [] }\ndefaults: { notifiers: [desktop] }\n",
    )
    .expect("right");
    let notifiers = config.notifiers();
    let route = |priority| names(notifiers.route(priority));
    assert_eq!(route(Priority::Urgent), ["team=slack", "file"]);
    assert_eq!(route(Priority::Unknown), route(Priority::Urgent));
    assert_eq!(route(Priority::Warning), ["desktop=desktop"]);
    assert!(route(Priority::Info).is_empty(), "nobody, and said so");
    assert_eq!(notifiers.route(Priority::Urgent)[0].to_json()["url"], "x");
    assert_eq!(notifiers.used().count(), 3);
    assert_eq!(notifiers.named().len(), 2);
    assert!(super::config("version: 1\n").expect("right").notifiers().route(Priority::Urgent).is_empty());
}

#[test]
fn a_repositorys_file_changes_one_notifier_and_keeps_the_rest() {
    let own = global(
        "version: 1\nnotifiers: { team: { plugin: slack, url: x, channel: a } }\ndefaults: { notifiers: [team] }\n",
    );
    let local = document("version: 1\nnotifiers: { team: { channel: b } }\n").expect("right");
    let config = Config::layered([own, local], Some(home())).expect("right");
    let team = config.notifiers().route(Priority::Info)[0].to_json();
    assert_eq!((&team["url"], &team["channel"]), (&"x".into(), &"b".into()));
}

#[test]
fn what_would_tell_nobody_is_a_mistake() {
    for (lines, words) in [
        ("notifiers: { team: { plugin: slack, enabled: false } }\ndefaults: { notifiers: [team] }", "is switched off"),
        ("notifiers: { team: { url: x } }", "names no plugin"),
        ("notifiers: { -x: slack }", "must start with an ASCII letter or digit"),
        ("notificationRouting: { urgnt: [x] }", "did you mean `urgent`?"),
        ("notificationRouting: { urgent: x }", "`urgent` must be a list, not text"),
        ("notificationRouting: { urgent: ['a b'] }", "item 1 of `urgent`"),
    ] {
        let text = complaint(&format!("version: 1\n{lines}\n"));
        assert!(text.contains(words), "{lines}: {text}");
        assert_eq!(text.matches("error:").count(), 1, "{text}");
    }
}
