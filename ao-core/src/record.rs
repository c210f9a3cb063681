//! `record!`: structs that can grow a field without breaking anybody who builds or reads them. And the rule that what has
//! fields is a JSON object: an array in its place would be read by position, and so fix the order of its fields for good.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Defines structs for the wire and the store.
///
/// `required` fields are the arguments of `new`; `optional` fields begin at their `Default` and may be absent from the
/// JSON, so a field added there later is understood by old readers (who skip it) and old writers (who leave it out).
/// A field's attributes stand in this order: its text, `serde`, `schemars`. Every field is public and the struct is `#[non_exhaustive]`, so that other crates go through `new`.
macro_rules! record {
    ($(
        $(#[$struct_meta:meta])*
        pub struct $Name:ident {
            $(required { $(
                $(#[doc = $required_doc:literal])*
                $(#[serde($($required_serde:tt)*)])?
                $(#[schemars($($required_schema:tt)*)])?
                $required:ident: $Required:ty,
            )* })?
            $(optional { $(
                $(#[doc = $optional_doc:literal])*
                $(#[serde($($optional_serde:tt)*)])?
                $(#[schemars($($optional_schema:tt)*)])?
                $optional:ident: $Optional:ty,
            )* })?
        }
    )*) => {$(
        $(#[$struct_meta])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize)]
        #[non_exhaustive]
        pub struct $Name {
            $($(
                $(#[doc = $required_doc])*
                $(#[serde($($required_serde)*)])?
                $(#[schemars($($required_schema)*)])?
                pub $required: $Required,
            )*)?
            $($(
                $(#[doc = $optional_doc])*
                $(#[serde($($optional_serde)*)])?
                $(#[schemars($($optional_schema)*)])?
                #[serde(default, skip_serializing_if = "crate::record::is_default")]
                pub $optional: $Optional,
            )*)?
        }

        const _: () = {
            type Record = $Name;

            /// The record's fields as they are read.
            #[derive(::serde::Deserialize)]
            #[serde(remote = "Record", expecting = "an object")]
            struct Fields {
                $($( $(#[serde($($required_serde)*)])? $required: $Required, )*)?
                $($( $(#[serde($($optional_serde)*)])? #[serde(default)] $optional: $Optional, )*)?
            }

            impl<'de> ::serde::Deserialize<'de> for $Name {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                    Fields::deserialize(crate::record::ObjectOnly(deserializer))
                }
            }
        };

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

/// Has types that are declared with `#[serde(remote = "Self")]` read from JSON objects only.
macro_rules! objects {
    ($($Name:ident),+ $(,)?) => {$(
        impl ::serde::Serialize for $Name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                $Name::serialize(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $Name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                $Name::deserialize(crate::record::ObjectOnly(deserializer))
            }
        }
    )+};
}

pub(crate) use {objects, record};

/// Reads an object, whatever it is asked for: the derived readers of structs and of tagged enums would take an array,
/// too.
pub(crate) struct ObjectOnly<D>(pub(crate) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Whether a field may be left out of the JSON.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
