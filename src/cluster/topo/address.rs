//! Where the topology server is, as the operator writes it.

use std::fmt;
use std::str::FromStr;

use crate::cluster::vtctld::Address;

/// `etcd://HOST:PORT[,HOST:PORT…]/ROOT`: its members, and the root of the global cell as vtctld's `--topo-global-root` has it.
/// `etcds` means TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyAddress {
    members: Vec<Address>,
    root: String,
    is_tls: bool,
}

/// Why a text is no address. It never quotes the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopologyAddressError {
    #[error("the address of the topology server begins neither with `etcd://` nor with `etcds://`")]
    Scheme,
    #[error(
        "the address of the topology server holds a user or a password: Vitess logs in to etcd with a client certificate or not at all"
    )]
    UserInfo,
    #[error("the address of the topology server has no root after its hosts, such as `/vitess/global`")]
    NoRoot,
    #[error("the root in the address of the topology server is no plain path")]
    Root,
    #[error("the address of the topology server holds a host that is not of the form host:port")]
    Member,
}

impl TopologyAddress {
    /// At least one, each once.
    pub fn members(&self) -> &[Address] {
        &self.members
    }

    /// Begins with a slash and ends without one.
    pub fn root(&self) -> &str {
        &self.root
    }

    pub fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl FromStr for TopologyAddress {
    type Err = TopologyAddressError;

    fn from_str(text: &str) -> Result<Self, TopologyAddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(TopologyAddressError::Scheme)?;
        let is_tls = match scheme {
            "etcd" => false,
            "etcds" => true,
            _ => return Err(TopologyAddressError::Scheme),
        };
        if rest.contains('@') {
            return Err(TopologyAddressError::UserInfo);
        }
        let (hosts, root) = rest.split_once('/').ok_or(TopologyAddressError::NoRoot)?;
        if root.is_empty() {
            return Err(TopologyAddressError::NoRoot);
        }
        let is_plain = |part: &str| {
            let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !part.is_empty() && part != "." && part != ".." && part.bytes().all(name)
        };
        if !root.split('/').all(is_plain) {
            return Err(TopologyAddressError::Root);
        }
        let mut members: Vec<Address> = Vec::new();
        for host in hosts.split(',') {
            let member = host.parse().map_err(|_| TopologyAddressError::Member)?;
            if !members.contains(&member) {
                members.push(member);
            }
        }
        Ok(Self { members, root: format!("/{root}"), is_tls })
    }
}

impl fmt::Display for TopologyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.members.iter().map(ToString::to_string).collect();
        write!(f, "{}://{}{}", if self.is_tls { "etcds" } else { "etcd" }, members.join(","), self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "etcd://127.0.0.1:2379/vitess/global",
            "etcds://a.example.com:2379,b.example.com:2379/vitess/global",
            "etcd://[::1]:2379/v",
        ] {
            assert_eq!(text.parse::<TopologyAddress>().unwrap().to_string(), text);
        }
        let twice: TopologyAddress = "etcd://a:1,b:1,a:1/v".parse().unwrap();
        assert_eq!((twice.members().len(), twice.root(), twice.is_tls()), (2, "/v", false));
    }

    #[test]
    fn anything_else_is_refused_for_what_it_is() {
        for (text, why) in [
            ("", TopologyAddressError::Scheme),
            ("etcd:2379", TopologyAddressError::Scheme),
            ("http://a:1/v", TopologyAddressError::Scheme),
            ("zk://a:1/v", TopologyAddressError::Scheme),
            ("etcd://a:1", TopologyAddressError::NoRoot),
            ("etcd://a:1/", TopologyAddressError::NoRoot),
            ("etcd://a:1//v", TopologyAddressError::Root),
            ("etcd://a:1/v/", TopologyAddressError::Root),
            ("etcd://a:1/v/../w", TopologyAddressError::Root),
            ("etcd://a:1/v?x=1", TopologyAddressError::Root),
            ("etcd:///v", TopologyAddressError::Member),
            ("etcd://a/v", TopologyAddressError::Member),
            ("etcd://a:1,/v", TopologyAddressError::Member),
            ("etcd://root:hunter2@a:1/v", TopologyAddressError::UserInfo),
            ("etcd://hunter2@a:1/v", TopologyAddressError::UserInfo),
        ] {
            let error = text.parse::<TopologyAddress>().unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
