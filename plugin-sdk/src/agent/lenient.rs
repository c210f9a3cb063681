//! Reading what another program wrote and may write otherwise tomorrow: a value of another type than it always had costs
//! itself, and not the line that it stands in. For `#[serde(default, deserialize_with = "…")]`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text, or nothing where there is something else.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Text)
}

/// A number of things, or nothing where there is something else. `3.0` is a number of things, too.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_any(Count)
}

/// An object of this shape, or nothing where there is something else. It is not built twice, however large it is.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Object(PhantomData))
}

/// Takes everything for nothing but what the visitor itself has a method for.
macro_rules! else_nothing {
    ($($visit:ident($value:ty)),*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        $(fn $visit<E>(self, _: $value) -> Result<Self::Value, E> {
            Ok(None)
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
            while values.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    };
}

fn pass_over<'de, T, A: MapAccess<'de>>(mut map: A) -> Result<Option<T>, A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(None)
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    else_nothing!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        pass_over(map)
    }
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = Option<u64>;

    else_nothing!(visit_bool(bool), visit_str(&str));

    fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
        Ok(Some(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(count).ok())
    }

    fn visit_f64<E>(self, count: f64) -> Result<Self::Value, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "such a cast stays within its bounds"
        )]
        let whole = count as u64;
        Ok((count >= 0.0).then_some(whole))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        pass_over(map)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    else_nothing!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Line {
        #[serde(deserialize_with = "text")]
        text: Option<String>,
        #[serde(deserialize_with = "count")]
        count: Option<u64>,
        #[serde(deserialize_with = "object")]
        inner: Option<Box<Line>>,
    }

    #[test]
    fn what_is_something_else_is_nothing() {
        let line = |value: Value| Line::deserialize(value).expect("it is read");
        let all = [json!(null), json!(true), json!(-1), json!(1.5), json!("x"), json!([[1], {}]), json!({"a": {}})];
        for other in all {
            let read = line(json!({"text": other, "count": other, "inner": other}));
            assert_eq!(read.text.is_some(), other.is_string(), "{other}");
            assert_eq!(read.count, (other == json!(1.5)).then_some(1), "{other}");
            assert_eq!(read.inner.is_some(), other.is_object(), "{other}");
        }
        let whole = line(json!({"inner": {"count": 3.0, "text": "ü\n"}})).inner.expect("an object");
        assert_eq!((whole.count, whole.text.as_deref()), (Some(3), Some("ü\n")));
    }
}
