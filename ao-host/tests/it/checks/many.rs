//! Many pull requests, and only so many at once.

use super::rig::{Rig, commands};

const PULLS: usize = 50;

fn never_more_than(limit: u32) {
    let line = "echo begin >> $OUT/log; cat name >> $OUT/names; sleep 0.02; echo end >> $OUT/log";
    let rig = Rig::limited(&commands(&[("a", line)]), limit);
    let pulls: Vec<_> =
        (0..PULLS).map(|number| (rig.session(), rig.commit("work", &[("name", &format!("{number}\n"))]))).collect();
    let heads: Vec<_> = pulls.iter().map(|(id, head)| (id, head.as_str())).collect();
    rig.heads(&heads);
    rig.play(async |host| {
        for _ in 0..PULLS {
            host.verdict("a").await;
        }
        host.over(&rig, PULLS).await;
    });
    let log = fs_err::read_to_string(rig.out("log")).unwrap();
    let mut running = 0;
    for word in log.split_whitespace() {
        running += if word == "begin" { 1 } else { -1 };
        assert!(running <= i32::try_from(limit).unwrap(), "{log}");
    }
    let names = fs_err::read_to_string(rig.out("names")).unwrap();
    let mut names: Vec<usize> = names.split_whitespace().map(|name| name.parse().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, (0..PULLS).collect::<Vec<_>>(), "each once");
    assert_eq!(rig.runs().len(), PULLS);
    rig.assert_clear();
}

#[test]
fn fifty_are_checked_one_after_the_other() {
    never_more_than(1);
}

#[test]
fn fifty_are_checked_two_at_once() {
    never_more_than(2);
}
