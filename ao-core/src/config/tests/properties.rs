//! Properties that hold for any input.

use camino::Utf8Path;
use proptest::prelude::*;

use super::super::merge::overlay;
use super::super::model::File;
use super::super::resolve::typed;
use super::super::{Config, Document, Kind, Node, Place, tree};
use super::{LOCAL, home};

/// YAML of nested maps and lists, in which every scalar is a word of its own.
fn yaml(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        "[a-zäß日]{1,6}( [a-z]{1,3})?".prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(depth, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 1..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn mapping() -> impl Strategy<Value = serde_json::Value> {
    prop::collection::btree_map("[a-f]", yaml(3), 1..5)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

/// Settings in which a key always holds a map (`a`, `b`) or never does (`x`, `y`), as those of one plugin do.
fn settings() -> impl Strategy<Value = serde_json::Value> {
    let leaves = || prop::collection::btree_map("[xy]", yaml(0), 0..2);
    let level = leaves().prop_map(|map| serde_json::Value::Object(map.into_iter().collect()));
    level.prop_recursive(3, 20, 2, move |inner| {
        let maps = prop::collection::btree_map("[ab]", inner, 0..2);
        (leaves(), maps).prop_map(|(leaves, maps)| serde_json::Value::Object(leaves.into_iter().chain(maps).collect()))
    })
}

fn node(value: &serde_json::Value) -> Node {
    tree::parse(Utf8Path::new(LOCAL), format!("{value:#}").as_bytes()).expect("JSON is YAML")
}

/// Every scalar's place covers the text that it was read from, every key's the key.
fn check_places(node: &Node) {
    let reads_as = |place: &Place, value: &serde_json::Value| {
        let read: serde_json::Value = serde_json::from_str(place.text()).expect("the place covers a JSON scalar");
        assert_eq!(&read, value);
    };
    match &node.kind {
        Kind::Mapping(entries) => {
            for (key, entry) in entries {
                reads_as(&entry.key, &key.as_str().into());
                check_places(&entry.node);
            }
        }
        Kind::Sequence(items) => items.iter().for_each(check_places),
        _ => reads_as(&node.place, &node.to_json()),
    }
}

/// Bits of configurations, strung together at random: mostly wrong, at times right.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "version: 1\n",
        "projects:\n",
        "  app:\n",
        "    path: .\n",
        "    path: ~x\n",
        "    runtime: tmux\n",
        "    runtime: {a: 1}\n",
        "    postCreate: [[a], {sh: b}, {}]\n",
        "    symlinks: [a, ../b]\n",
        "agents:\n",
        "  app: command\n",
        "  b: {x: [./y]}\n",
        "    agent: b\n",
        "defaults: {agent: b, tracker: t}\n",
        "plugins: [{path: a}, {}]\n",
        "port: 1\n",
        "    - x\n",
        "&a ",
        "*a\n",
        "<<: ",
        "? ",
        "\t",
        "'",
        "\"\\x1b\"",
        "\u{feff}",
        "é: 日\n",
        "---\n",
        "  two: {path: app}\n",
        "null\n",
        "}",
        "{",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn never_panics(bytes: &[u8]) {
    let outcome = Document::parse(Utf8Path::new(LOCAL), bytes)
        .inspect(|document| drop(typed::<File>(&document.root).expect("what the schema admits, the types admit")))
        .and_then(|document| Config::layered([document], Some(home())))
        .map(|config| config.to_json());
    if let Err(problems) = outcome {
        assert!(!problems.is_empty());
        assert!(!problems.render().contains('\x1b'));
        assert!(!problems.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_configuration_or_a_complaint(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        never_panics(&bytes);
    }

    #[test]
    fn any_text_gives_a_configuration_or_a_complaint(text in "\\PC{0,120}", fragments in fragments()) {
        never_panics(text.as_bytes());
        never_panics(fragments.as_bytes());
    }

    #[test]
    fn places_cover_the_text_they_speak_of(value in mapping()) {
        let node = node(&value);
        prop_assert_eq!(node.to_json(), value);
        check_places(&node);
    }

    #[test]
    fn settings_merge_associatively(a in settings(), b in settings(), c in settings()) {
        let (a, b, c) = (node(&a), node(&b), node(&c));
        prop_assert_eq!(overlay(&overlay(&a, &b), &c), overlay(&a, &overlay(&b, &c)));
        prop_assert_eq!(overlay(&a, &a), a);
    }

    #[test]
    fn merging_drops_no_key(a in mapping(), b in mapping()) {
        let merged = overlay(&node(&a), &node(&b)).to_json();
        let keys = |value: &serde_json::Value| value.as_object().expect("a map").keys().cloned().collect::<Vec<_>>();
        for key in keys(&a).iter().chain(&keys(&b)) {
            prop_assert!(merged.get(key).is_some());
        }
        for key in keys(&b) {
            let (under, over, out) = (&a[&key], &b[&key], &merged[&key]);
            prop_assert!(under.is_object() && over.is_object() || out == over);
        }
    }
}
