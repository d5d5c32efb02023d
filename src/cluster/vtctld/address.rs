//! Where vtctld is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::cluster::without_user_info;

/// `host:port`, as vtctldclient's `--server` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets.
    host: String,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address of the form host:port, such as vtctld.example.com:15999 or [::1]:15999")]
pub struct AddressError(String);

impl Address {
    pub fn host(&self) -> &str {
        &self.host
    }

    /// 127.0.0.0/8, ::1 and the name `localhost`: what is sent there does not leave this machine.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parse = || {
            let (host, port) = text.rsplit_once(':')?;
            let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
            let host = match host.strip_prefix('[') {
                Some(rest) => rest.strip_suffix(']').filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok())?,
                None => host,
            };
            let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            let is_host = text.starts_with('[') || (!host.is_empty() && host.bytes().all(name));
            is_host.then(|| Self { host: host.to_owned(), port })
        };
        parse().ok_or_else(|| AddressError(without_user_info(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["localhost:15999", "vtctld-1.example_x.com:1", "10.0.0.1:65535", "[::1]:15999"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "localhost",
            ":1",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "::1:15999",
            "[::1",
            "[::1]",
            "[localhost]:1",
            "http://localhost:15999",
            "user@localhost:1",
            "localhost:1/x",
            "a b:1",
            "a\n:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
        let error = "http://root:hunter2@a:1".parse::<Address>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }

    #[test]
    fn loopback_is_this_machine_only() {
        let loopback = |text: &str| text.parse::<Address>().unwrap().is_loopback();
        for text in ["127.0.0.1:1", "127.9.8.7:1", "[::1]:1", "localhost:1", "LocalHost:1"] {
            assert!(loopback(text), "{text}");
        }
        for text in [
            "127.0.0.1.example.com:1",
            "localhost.example.com:1",
            "0.0.0.0:1",
            "10.0.0.1:1",
            "[::]:1",
            "127.1:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!loopback(text), "{text}");
        }
    }
}
