//! Values that were looked up and must not be repeated in any message.

use std::fmt;

/// What stands in a message in place of a secret.
const MASK: &str = "***";

/// Shorter values are not masked: they are no secrets, and hiding every `1` would make messages unreadable.
const SHORTEST: usize = 4;

/// The values that references in a configuration expanded to, kept only to be masked in text.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Remembers a value, each long line of it, and the way JSON writes it.
    pub fn add(&mut self, value: &str) {
        let lines = value.lines().filter(|line| line.len() >= 2 * SHORTEST);
        let escaped = serde_json::Value::from(value).to_string();
        let forms = [value, value.trim(), escaped.trim_matches('"')].into_iter().chain(lines);
        self.0.extend(forms.filter(|form| form.len() >= SHORTEST).map(ToOwned::to_owned));
        // A secret that contains another one is replaced first, whole.
        self.0.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.0.dedup();
    }

    /// Remembers what another one remembers.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
        self.0.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.0.dedup();
    }

    /// `text` with every secret in it replaced by `***`.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} forms)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        secrets.add("hunter2-long\"quoted");
        secrets.add("-----BEGIN KEY-----\nabcdefgh\n");
        secrets.add("1");
        for text in ["hunter2", "token hunter2-long\"quoted", r#"{"t":"hunter2-long\"quoted"}"#, "line abcdefgh of it"]
        {
            let masked = secrets.mask(text);
            assert!(!masked.contains("hunter2") && !masked.contains("abcdefgh"), "{masked}");
        }
        assert_eq!(secrets.mask("at line 1"), "at line 1");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
