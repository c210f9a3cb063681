//! Holds the machine layout of the island: a change here refuses every library that exists.

use ao_abi::RootRef;
use ao_abi::abi_stable::StableAbi;

/// What the layout checker compares, without the addresses and type ids that differ between builds of the same sources.
fn layout() -> String {
    const COMPARED: [&str; 7] =
        ["name:", "full_type:", "alignment:", "size:", "is_nonzero:", "package_and_version:", "repr_attr:"];
    let dump = format!("{:#?}", <RootRef as StableAbi>::LAYOUT);
    let compared = |line: &&str| COMPARED.iter().any(|field| line.trim_start().starts_with(field));
    dump.lines().filter(compared).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_layout_of_version_1_never_changes() {
    insta::assert_snapshot!("layout", layout());
}
