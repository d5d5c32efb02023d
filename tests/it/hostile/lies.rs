//! Lies about a message, made on the bytes that travel, so that none is missing for want of a type.

/// A field of a message.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Vec<u8>),
    Fixed32([u8; 4]),
}

/// What is said instead of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    Left,
    Twice,
    Zero,
    One,
    Negative,
    Most,
    UnknownEnum,
    NotANumber,
    Empty,
    NotUtf8,
    Hostile,
    Long,
    NoMessage,
}

const OF_NUMBERS: [Lie; 7] = [Lie::Left, Lie::Twice, Lie::Zero, Lie::One, Lie::Negative, Lie::Most, Lie::UnknownEnum];
const OF_FLOATS: [Lie; 5] = [Lie::Left, Lie::Zero, Lie::Negative, Lie::Most, Lie::NotANumber];
const OF_BYTES: [Lie; 7] = [Lie::Left, Lie::Twice, Lie::Empty, Lie::NotUtf8, Lie::Hostile, Lie::Long, Lie::NoMessage];

/// A place in a message, from outside in, and what is said there instead.
pub type Place = (Vec<usize>, Lie);

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn parse(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?.to_vec())
            }
            5 => Value::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
        fields.last().filter(|field| field.number > 0)?;
    }
    Some(fields)
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let kind = match value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) => 2,
            Value::Fixed32(_) => 5,
        };
        push_varint(&mut bytes, number << 3 | kind);
        match value {
            Value::Varint(value) => push_varint(&mut bytes, *value),
            Value::Fixed64(value) => bytes.extend_from_slice(value),
            Value::Bytes(value) => {
                push_varint(&mut bytes, value.len() as u64);
                bytes.extend_from_slice(value);
            }
            Value::Fixed32(value) => bytes.extend_from_slice(value),
        }
    }
    bytes
}

/// Every lie about every field of a message, however deep. Of many fields of one number the first and the last stand for all.
pub fn places(message: &[u8]) -> Vec<Place> {
    let Some(fields) = parse(message) else { return Vec::new() };
    let mut found = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let is_first = fields.iter().position(|other| other.number == field.number) == Some(index);
        let is_last = fields.iter().rposition(|other| other.number == field.number) == Some(index);
        if !is_first && !is_last {
            continue;
        }
        let lies: &[Lie] = match &field.value {
            Value::Varint(_) => &OF_NUMBERS,
            Value::Fixed64(_) | Value::Fixed32(_) => &OF_FLOATS,
            Value::Bytes(_) => &OF_BYTES,
        };
        found.extend(lies.iter().map(|lie| (vec![index], *lie)));
        if let Value::Bytes(inner) = &field.value {
            found.extend(places(inner).into_iter().map(|(mut path, lie)| {
                path.insert(0, index);
                (path, lie)
            }));
        }
    }
    found
}

/// The message with the lie in it. As it is where there is no such place.
pub fn told(message: &[u8], (path, lie): &Place) -> Vec<u8> {
    let Some(mut fields) = parse(message) else { return message.to_vec() };
    let [index, deeper @ ..] = path.as_slice() else { return message.to_vec() };
    let Some(field) = fields.get_mut(*index) else { return message.to_vec() };
    if !deeper.is_empty() {
        if let Value::Bytes(inner) = &mut field.value {
            *inner = told(inner, &(deeper.to_vec(), *lie));
        }
        return write(&fields);
    }
    let long = || vec![b'x'; 1 << 20];
    match (lie, &mut field.value) {
        (Lie::Left, _) => {
            fields.remove(*index);
        }
        (Lie::Twice, _) => {
            let again = field.clone();
            fields.push(again);
        }
        (Lie::Zero, Value::Varint(value)) => *value = 0,
        (Lie::One, Value::Varint(value)) => *value = 1,
        (Lie::Negative, Value::Varint(value)) => *value = u64::MAX,
        (Lie::Most, Value::Varint(value)) => *value = i64::MAX as u64,
        (Lie::UnknownEnum, Value::Varint(value)) => *value = 4242,
        (Lie::Zero, Value::Fixed64(value)) => *value = 0f64.to_le_bytes(),
        (Lie::Negative, Value::Fixed64(value)) => *value = (-1f64).to_le_bytes(),
        (Lie::Most, Value::Fixed64(value)) => *value = f64::INFINITY.to_le_bytes(),
        (Lie::NotANumber, Value::Fixed64(value)) => *value = f64::NAN.to_le_bytes(),
        (Lie::Zero, Value::Fixed32(value)) => *value = 0f32.to_le_bytes(),
        (Lie::Negative, Value::Fixed32(value)) => *value = (-1f32).to_le_bytes(),
        (Lie::Most, Value::Fixed32(value)) => *value = f32::INFINITY.to_le_bytes(),
        (Lie::NotANumber, Value::Fixed32(value)) => *value = f32::NAN.to_le_bytes(),
        (Lie::Empty, Value::Bytes(value)) => value.clear(),
        (Lie::NotUtf8, Value::Bytes(value)) => *value = b"\xff\xfe\x80 no text".to_vec(),
        (Lie::Hostile, Value::Bytes(value)) => *value = super::HOSTILE.as_bytes().to_vec(),
        (Lie::Long, Value::Bytes(value)) => *value = long(),
        (Lie::NoMessage, Value::Bytes(value)) => *value = vec![0xff; 12],
        _ => {}
    }
    write(&fields)
}

#[test]
fn a_message_is_taken_apart_and_put_together() {
    let inner = write(&[Field { number: 2, value: Value::Varint(300) }]);
    let fields =
        vec![Field { number: 1, value: Value::Bytes(inner) }, Field { number: 9, value: Value::Fixed64(1.5f64.to_le_bytes()) }];
    let message = write(&fields);
    assert_eq!(parse(&message), Some(fields));
    let places = places(&message);
    assert_eq!(places.len(), OF_BYTES.len() + OF_NUMBERS.len() + OF_FLOATS.len());
    for place in &places {
        let kept = place == &(vec![0, 0], Lie::UnknownEnum);
        let told = told(&message, place);
        assert_ne!(told, message, "{place:?}");
        assert_eq!(kept, parse(&told).is_some_and(|fields| fields[0].value == Value::Bytes(vec![0x10, 0x92, 0x21])), "{place:?}");
    }
}
