//! Checks a library's bytes without mapping them: format, machine, completeness, and the one symbol to look up.

use ao_abi::SYMBOL_PREFIX;
use camino::Utf8Path;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Architecture, BinaryFormat, File, NameOrOrdinal, Object, ObjectKind, elf};

use super::LoadError;

/// What every plugin root's symbol begins with, whatever its version.
const ANY_VERSION: &str = "__ao_plugin_v";

/// What a library's bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The exported symbol of its plugin root.
    pub symbol: String,
}

/// Checks the bytes of a library. `path` is only for messages.
pub fn inspect(path: &Utf8Path, bytes: &[u8]) -> Result<Inspected, LoadError> {
    let refuse = |why: String| LoadError::NotALibrary { path: path.to_owned(), why };
    if bytes.is_empty() {
        return Err(LoadError::Truncated { path: path.to_owned(), why: "the file is empty".to_owned() });
    }
    check_complete(path, bytes)?;
    let file = File::parse(bytes).map_err(|error| refuse(format!("{} ({error})", first_bytes(bytes))))?;
    if file.format() != BinaryFormat::native_object() {
        return Err(refuse(format!("its format is {:?}", file.format())));
    }
    if Some(file.architecture()) != host_architecture() {
        return Err(refuse(format!("it is built for {:?}, this is {}", file.architecture(), std::env::consts::ARCH)));
    }
    if file.kind() != ObjectKind::Dynamic {
        return Err(refuse(format!("it is of kind {:?}, not a shared library", file.kind())));
    }
    let exports = file.exports().map_err(|error| refuse(format!("its export table is unreadable ({error})")))?;
    // Mach-O puts an underscore in front of every name.
    let prefix = ANY_VERSION.trim_start_matches('_');
    let roots = exports.filter_map(Result::ok).filter_map(|export| match export.name() {
        NameOrOrdinal::Name(name) => Some(std::str::from_utf8(name).ok()?.trim_start_matches('_').to_owned()),
        NameOrOrdinal::Ordinal(_) => None,
    });
    choose(path, roots.filter(|name| name.starts_with(prefix)).map(|name| format!("__{name}")).collect())
}

/// The one root of the version that this host knows.
fn choose(path: &Utf8Path, roots: Vec<String>) -> Result<Inspected, LoadError> {
    let (mut known, others): (Vec<_>, Vec<_>) = roots.into_iter().partition(|name| name.starts_with(SYMBOL_PREFIX));
    known.sort();
    known.dedup();
    match (known.len(), others.first()) {
        (1, _) => Ok(Inspected { symbol: known.remove(0) }),
        (0, None) => Err(LoadError::NoSymbol { path: path.to_owned(), newer: String::new() }),
        (0, Some(other)) => {
            Err(LoadError::NoSymbol { path: path.to_owned(), newer: format!("; `{other}` is for another `ao`") })
        }
        _ => Err(LoadError::SeveralSymbols { path: path.to_owned(), symbols: known }),
    }
}

/// Whether everything that the loader would map is in the file; mapping past its end kills the process.
fn check_complete(path: &Utf8Path, bytes: &[u8]) -> Result<(), LoadError> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Ok(());
    }
    if bytes.get(4) == Some(&elf::ELFCLASS32.0) {
        let why = format!("it is built for 32 bits, this is {}", std::env::consts::ARCH);
        return Err(LoadError::NotALibrary { path: path.to_owned(), why });
    }
    let cut = |why: String| LoadError::Truncated { path: path.to_owned(), why };
    let header = elf::FileHeader64::<object::Endianness>::parse(bytes).map_err(|error| cut(error.to_string()))?;
    let endian = header.endian().map_err(|error| cut(error.to_string()))?;
    let length = bytes.len() as u64;
    let segments = header.program_headers(endian, bytes).map_err(|error| cut(error.to_string()))?;
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let end = segment.p_offset(endian).checked_add(segment.p_filesz(endian));
        if end.is_none_or(|end| end > length) {
            return Err(cut(format!("a segment ends beyond the file's {length} bytes")));
        }
    }
    let sections = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    if header.e_shoff(endian).checked_add(sections).is_none_or(|end| end > length) {
        return Err(cut(format!("its section table ends beyond the file's {length} bytes")));
    }
    ElfFile64::<object::Endianness>::parse(bytes).map_err(|error| cut(error.to_string()))?;
    Ok(())
}

fn host_architecture() -> Option<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Aarch64),
        "riscv64" => Some(Architecture::Riscv64),
        "arm" => Some(Architecture::Arm),
        "x86" => Some(Architecture::I386),
        "powerpc64" => Some(Architecture::PowerPc64),
        "s390x" => Some(Architecture::S390x),
        "loongarch64" => Some(Architecture::LoongArch64),
        _ => None,
    }
}

fn first_bytes(bytes: &[u8]) -> &'static str {
    if bytes.iter().take(512).all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        "it is a text file"
    } else {
        "its format is not known"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why(bytes: &[u8]) -> String {
        inspect("lib.so".into(), bytes).expect_err("not a plugin").to_string()
    }

    #[test]
    fn what_is_no_library_is_named() {
        assert!(why(b"").contains("the file is empty"));
        assert!(why(b"#!/bin/sh\necho hi\n").contains("it is a text file"));
        assert!(why(&[0x7f, b'E', b'L', b'F', 2, 1, 1]).contains("cut short"));
        let narrow = [b"\x7fELF\x01\x01\x01".as_slice(), &[0; 512]].concat();
        let (narrow, cut) = (why(&narrow), why(&narrow[..7]));
        assert!(narrow.contains("it is built for 32 bits") && !narrow.contains("cut short"), "{narrow}");
        assert_eq!(narrow, cut, "more bytes would not help");
    }

    #[test]
    fn one_root_is_chosen() {
        let choose = |names: &[&str]| choose("l".into(), names.iter().map(ToString::to_string).collect());
        assert_eq!(choose(&["__ao_plugin_v1_a"]).expect("one").symbol, "__ao_plugin_v1_a");
        assert_eq!(choose(&["__ao_plugin_v1_a", "__ao_plugin_v2_a"]).expect("the known").symbol, "__ao_plugin_v1_a");
        let two = choose(&["__ao_plugin_v1_b", "__ao_plugin_v1_a"]).expect_err("two").to_string();
        assert!(two.contains("__ao_plugin_v1_a, __ao_plugin_v1_b"), "{two}");
        let newer = choose(&["__ao_plugin_v2_a"]).expect_err("newer").to_string();
        assert!(newer.contains("another `ao`"), "{newer}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(inspect("lib.so".into(), &bytes).is_err());
            bytes.splice(0..0, *b"\x7fELF\x02\x01\x01\x00");
            prop_assert!(inspect("lib.so".into(), &bytes).is_err());
        }
    }
}
