//! Where a notification goes, and what of it may be shown.

use std::net::IpAddr;

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;
use ureq::http::Uri;

/// Shorter pieces of a path are words, and no secret.
const SHORTEST_SECRET: usize = 6;

/// Which schemes an address may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `https`; this machine is also reached by `http`.
    Https,
    /// `https` or `http`, as the user says.
    Any,
}

/// An address that can be posted to.
#[derive(Clone)]
pub(crate) struct Address {
    /// The whole of it, with what is secret.
    pub(crate) uri: Uri,
    /// Scheme, host and port: what may be shown.
    pub(crate) shown: String,
    /// Whether it is this machine.
    pub(crate) place: Place,
    /// What must not be shown.
    hidden: Vec<String>,
}

/// How far away an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This machine.
    Here,
    /// Another one.
    Elsewhere,
}

impl Address {
    /// Reads the setting `url`. Its errors never show it, as its path may be a secret.
    pub(crate) fn parse(url: &str, scheme: Scheme) -> Result<Self> {
        let wrong = |message: &str| Err(Error::invalid_input(format!("`url` {message}")).at_field("url"));
        if url.trim().is_empty() {
            return wrong("is empty; is the variable that it comes from set?");
        }
        let Ok(uri) = url.trim().parse::<Uri>() else {
            return wrong("is no URL, such as `https://example.org/hooks/ao`");
        };
        let (Some(host), Some(authority)) = (uri.host().filter(|host| !host.is_empty()), uri.authority()) else {
            return wrong("names no host; write the whole URL, such as `https://example.org/hooks/ao`");
        };
        if authority.as_str().contains('@') {
            return wrong("holds a user or a password; leave them out, a `webhook` takes them in `headers`");
        }
        let place = place(host);
        match (uri.scheme_str(), scheme, place) {
            (Some("https"), ..) | (Some("http"), Scheme::Any, _) | (Some("http"), Scheme::Https, Place::Here) => {}
            (Some("http"), ..) => {
                return wrong("begins with `http:`, by which everybody on the way could read it; write `https:`");
            }
            _ => return wrong("does not begin with `https://`"),
        }
        let shown = format!("{}://{authority}", uri.scheme_str().unwrap_or("https"));
        let pieces = uri.path().split('/').chain(uri.query().into_iter().flat_map(|query| query.split(['&', '='])));
        let hidden = pieces.map(str::to_owned).collect();
        let mut address = Self { uri, shown, place, hidden: Vec::new() };
        address.hide_also(hidden);
        Ok(address)
    }

    /// The same address with one more parameter in its query.
    pub(crate) fn with_query(mut self, parameter: &str) -> Result<Self> {
        let separator = if self.uri.query().is_some() { '&' } else { '?' };
        let uri = format!("{}{separator}{parameter}", self.uri).parse();
        self.uri = uri.map_err(|_| Error::invalid_input("`url` is too long").at_field("url"))?;
        Ok(self)
    }

    /// Adds texts that must not be shown.
    pub(crate) fn hide_also(&mut self, texts: Vec<String>) {
        self.hidden.extend(texts.into_iter().filter(|text| text.len() >= SHORTEST_SECRET));
        // The longest first, so that none is left over in halves.
        self.hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// What somebody said, as one short line without secrets.
    pub(crate) fn quote(&self, said: &str) -> String {
        const QUOTED: usize = 200;
        let hidden = self.hidden.iter().fold(said.to_owned(), |said, secret| said.replace(secret.as_str(), "***"));
        one_line(&hidden, QUOTED)
    }
}

fn place(host: &str) -> Place {
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = number.is_ok_and(|number| number.is_loopback()) || host.eq_ignore_ascii_case("localhost");
    if here { Place::Here } else { Place::Elsewhere }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_whole_and_goes_where_nobody_reads() {
        for (url, scheme, part) in [
            ("", Scheme::Any, "is empty"),
            ("hooks.example.org/secret-path", Scheme::Any, "no URL"),
            ("https://", Scheme::Any, "no URL"),
            ("ftp://example.org/secret-path", Scheme::Any, "https://"),
            ("http://example.org/secret-path", Scheme::Https, "write `https:`"),
            ("https://user:secret-path@example.org/", Scheme::Any, "a password"),
            ("https://example.org/ secret-path", Scheme::Any, "no URL"),
        ] {
            let error = Address::parse(url, scheme).unwrap_err();
            assert!(error.message.contains(part), "{url}: {error}");
            assert!(!error.to_string().contains("secret-path"), "{error}");
            assert_eq!((error.code, error.field.as_deref()), (Code::INVALID_INPUT, Some("url")));
        }
        for (url, scheme) in [
            ("https://example.org/x", Scheme::Https),
            ("http://example.org", Scheme::Any),
            ("http://127.0.0.1:8080/x", Scheme::Https),
            ("http://[::1]:8080/x", Scheme::Https),
            ("http://localhost/x", Scheme::Https),
        ] {
            Address::parse(url, scheme).expect(url);
        }
    }

    #[test]
    fn neither_path_nor_query_is_shown() {
        let address = Address::parse("https://example.org:8/services/T0/s3cr3t-path?key=s3cr3t-key", Scheme::Any);
        let mut address = address.expect("an address").with_query("wait=true").expect("an address");
        address.hide_also(vec!["whsec_s3cr3t".to_owned()]);
        assert_eq!(address.shown, "https://example.org:8");
        assert_eq!(address.uri.query(), Some("key=s3cr3t-key&wait=true"));
        let quoted = address.quote("no hook at /services/T0/s3cr3t-path\nwith s3cr3t-key and whsec_s3cr3t");
        assert!(!quoted.contains("s3cr3t"), "{quoted}");
        assert!(!format!("{address:?}").contains("s3cr3t"));
    }
}
