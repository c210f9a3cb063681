//! Amounts of US dollars, in whole millionths. No floating point: what is added up a thousand times must stay exact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// How many millionths a dollar has.
const MILLION: u64 = 1_000_000;
/// The most digits before the point: so far a number that was read as one is exactly what was written.
const MOST_DIGITS: usize = 9;

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars(u64);

impl Dollars {
    /// So many millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The amount in millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The amount in dollars and cents, rounded, for a list: `$0.42`. What is less than half a cent, and something, is `<$0.01`.
    #[must_use]
    pub fn rounded(self) -> String {
        let cents = self.0.saturating_add(5_000) / 10_000;
        if cents == 0 && self.0 > 0 {
            return "<$0.01".to_owned();
        }
        format!("${}.{:02}", cents / 100, cents % 100)
    }
}

/// The exact amount, with at least two digits behind the point: `$5.00`, `$0.0375`.
impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % MILLION);
        let shown = fraction.trim_end_matches('0').len().max(2);
        write!(f, "${}.{}", self.0 / MILLION, &fraction[..shown])
    }
}

impl FromStr for Dollars {
    type Err = String;

    /// As a decimal number: `5`, `0.3`, `18.75`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            Err("is no amount of dollars; one is a number such as `5`, `0.3` or `18.75`, below 1000000000, with at most six \
                 digits behind the point"
                .to_owned())
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || whole.len() > MOST_DIGITS || fraction.len() > 6 {
            return refuse();
        }
        let (Ok(whole), Ok(fraction)) = (whole.parse::<u64>(), format!("{fraction:0<6}").parse::<u64>()) else {
            return refuse();
        };
        Ok(Self(whole * MILLION + fraction))
    }
}

/// From a number as it is written in JSON or YAML. Such a number is read as a binary one, whose shortest decimal form is what
/// was written, as far as amounts may go.
impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        // Unlike that of JSON, this form never has an exponent.
        let fraction = number.as_f64().filter(|_| number.is_f64()).map(|number| number.to_string());
        fraction.unwrap_or_else(|| number.to_string()).parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, micros, shown, rounded) in [
            ("5", 5_000_000, "$5.00", "$5.00"),
            ("5.00", 5_000_000, "$5.00", "$5.00"),
            ("0.3", 300_000, "$0.30", "$0.30"),
            ("0.0375", 37_500, "$0.0375", "$0.04"),
            ("18.75", 18_750_000, "$18.75", "$18.75"),
            ("0.000001", 1, "$0.000001", "<$0.01"),
            ("0", 0, "$0.00", "$0.00"),
            ("999999999.999999", 999_999_999_999_999, "$999999999.999999", "$1000000000.00"),
        ] {
            let read: Dollars = serde_json::from_str(text).expect(text);
            assert_eq!((read.micros(), read.to_string().as_str()), (micros, shown), "{text}");
            assert_eq!(read.rounded(), rounded, "{text}");
        }
        for text in ["-1", "1e9", "0.0000001", "1000000000", "\"5\"", "null", "1e-7"] {
            assert!(serde_json::from_str::<Dollars>(text).is_err(), "{text}");
        }
        for text in ["", ".", "1.", ".5", "+1", "1.2.3", "1 ", "٣"] {
            assert!(text.parse::<Dollars>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(micros in 0_u64..1_000_000_000_000_000) {
            let text = Dollars::from_micros(micros).to_string();
            let number = text.trim_start_matches('$');
            prop_assert_eq!(serde_json::from_str::<Dollars>(number).unwrap().micros(), micros);
            prop_assert_eq!(number.parse::<Dollars>().unwrap().micros(), micros);
        }
    }
}
