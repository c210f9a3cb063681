//! `record!`: structs that can grow a field without breaking anybody who builds or reads them.

/// Defines structs for the wire and the store.
///
/// `required` fields are the arguments of `new`; `optional` fields begin at their `Default` and may be absent from the
/// JSON, so a field added there later is understood by old readers (who skip it) and old writers (who leave it out).
/// Every field is public and the struct is `#[non_exhaustive]`, so that other crates go through `new`.
macro_rules! record {
    ($(
        $(#[$struct_meta:meta])*
        pub struct $Name:ident {
            $(required { $( $(#[$required_meta:meta])* $required:ident: $Required:ty, )* })?
            $(optional { $( $(#[$optional_meta:meta])* $optional:ident: $Optional:ty, )* })?
        }
    )*) => {$(
        $(#[$struct_meta])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[non_exhaustive]
        pub struct $Name {
            $($( $(#[$required_meta])* pub $required: $Required, )*)?
            $($(
                $(#[$optional_meta])*
                #[serde(default, skip_serializing_if = "crate::record::is_default")]
                pub $optional: $Optional,
            )*)?
        }

        impl $Name {
            /// From what is required; the rest is at its default.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "few records require nothing")]
            #[allow(clippy::too_many_arguments, reason = "a record's required facts, each of its own type")]
            pub fn new($($( $required: impl Into<$Required>, )*)?) -> Self {
                Self {
                    $($( $required: $required.into(), )*)?
                    $($( $optional: ::core::default::Default::default(), )*)?
                }
            }
        }
    )*};
}

pub(crate) use record;

/// Whether a field may be left out of the JSON.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
