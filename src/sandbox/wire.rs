//! Messages of the protocol in the state's file: their bytes in hexadecimal.

use prost::Message;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub fn serialize<M: Message, S: Serializer>(message: &M, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(&message.encode_to_vec()))
}

pub fn deserialize<'de, M: Message + Default, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = bytes(&text).ok_or_else(|| D::Error::custom("not hexadecimal"))?;
    M::decode(bytes.as_slice()).map_err(D::Error::custom)
}

pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        assert_eq!(bytes(&text(&[0, 1, 254, 255])).unwrap(), [0, 1, 254, 255]);
        assert_eq!((bytes("0"), bytes("xy"), bytes("ää"), bytes("+f")), (None, None, None, None));
    }
}
