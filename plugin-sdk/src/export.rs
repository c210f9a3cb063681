//! `export_plugin!`: one line a plugin.

/// Exports plugins, once per crate: `export_plugin! { tracker "acme" => AcmeTracker, notifier "acme" => AcmeNotifier }`.
///
/// The slot is one of `runtime`, `agent`, `workspace`, `tracker`, `scm`, `notifier` and `terminal`; the name is what
/// users write in their configuration; the type implements [`Plugin`](crate::Plugin) and the slot's trait. A doc
/// comment in front of the slot becomes the summary that `ao plugin list` shows.
#[macro_export]
macro_rules! export_plugin {
    ($($(#[doc = $summary:literal])* $slot:ident $name:literal => $Type:ty),+ $(,)?) => {
        const _: () = {
            #[cfg(panic = "abort")]
            compile_error!("a plugin library needs `panic = \"unwind\"` in its profile");

            $(
                // Each in a constant of its own, so that all that are wrong are told at once.
                const _: () = assert!(
                    $crate::glue::is_plugin_name($name),
                    concat!(
                        "`", $name, "` cannot name a plugin: write 1 to 64 ASCII letters, digits, `-` and `_`, ",
                        "the first of them a letter or a digit",
                    ),
                );

                $crate::inventory::submit! {
                    $crate::__registration!($slot $name => $Type, concat!($($summary),*))
                }
            )+

            assert!(
                !$crate::glue::has_twins(&[$((stringify!($slot), $name)),+]),
                "two plugins of one slot are exported under the same name: each needs a name of its own",
            );

            struct ThisLibrary;

            impl $crate::glue::Library for ThisLibrary {
                const CRATE_NAME: &'static str = env!("CARGO_CRATE_NAME");
                const CRATE_VERSION: &'static str = env!("CARGO_PKG_VERSION");
            }

            // Named after the crate, so that several plugins can be linked into one program.
            #[allow(unsafe_code, reason = "the name is this crate's own")]
            #[unsafe(export_name = concat!("__ao_plugin_v1_", env!("CARGO_CRATE_NAME")))]
            static HEADER: $crate::glue::LibHeader = $crate::glue::header::<ThisLibrary>();
        };

        // A second export in this module is told by this name; one elsewhere in the crate, by the symbol above.
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types, reason = "its name is all that it is for")]
        enum export_plugin_stands_once_in_a_crate_and_lists_all_its_plugins {}
    };
    ($($other:tt)*) => {
        compile_error!(
            "write `export_plugin! { tracker \"my-tracker\" => MyTracker }`: a slot, a name in quotes, a type; \
             several are separated by commas, and only doc comments stand in front"
        );
    };
}

/// One plugin's registration, if its slot is one; not for authors.
#[doc(hidden)]
#[macro_export]
macro_rules! __registration {
    (@ $slot:ident $name:literal => $Type:ty, $summary:expr) => {
        $crate::core::plugin::Registration {
            crate_name: env!("CARGO_CRATE_NAME"),
            crate_version: env!("CARGO_PKG_VERSION"),
            slot: $crate::core::slots::$slot::boundary::SLOT,
            name: $name,
            summary: $summary,
            effect: <$Type as $crate::Plugin>::EFFECT,
            config_schema: $crate::glue::config_schema::<$Type>,
            create: $crate::glue::create::<$Type, $crate::core::slots::$slot::boundary::Marker>,
        }
    };
    (runtime $($rest:tt)*) => { $crate::__registration!(@ runtime $($rest)*) };
    (agent $($rest:tt)*) => { $crate::__registration!(@ agent $($rest)*) };
    (workspace $($rest:tt)*) => { $crate::__registration!(@ workspace $($rest)*) };
    (tracker $($rest:tt)*) => { $crate::__registration!(@ tracker $($rest)*) };
    (scm $($rest:tt)*) => { $crate::__registration!(@ scm $($rest)*) };
    (notifier $($rest:tt)*) => { $crate::__registration!(@ notifier $($rest)*) };
    (terminal $($rest:tt)*) => { $crate::__registration!(@ terminal $($rest)*) };
    ($other:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($other), "` is no slot: write `runtime`, `agent`, `workspace`, `tracker`, `scm`, ",
            "`notifier` or `terminal`",
        ))
    };
}
