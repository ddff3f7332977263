//! The common name in a certificate.
//!
//! Only certificates that rustls has verified come here, so what is not as X.509 has it is simply no name. A certificate
//! is `SEQUENCE { SEQUENCE { [0] version?, serial, algorithm, issuer, validity, subject, … }, … }`, and a subject a
//! sequence of sets of `SEQUENCE { type, value }`.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// What is left of some DER.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let (bytes, after) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
            rest = after;
            bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte))
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// The subject's common name, where it has exactly one that is no riddle.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let mut fields = Der(Der(Der(certificate).expect(SEQUENCE)?).expect(SEQUENCE)?);
    let mut ahead = fields;
    if ahead.next()?.0 == VERSION {
        fields = ahead;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        fields.next()?;
    }
    let mut subject = Der(fields.expect(SEQUENCE)?);
    let mut found = None;
    while let Some((tag, set)) = subject.next() {
        let mut attributes = Der(set);
        while let Some((SEQUENCE, attribute)) = attributes.next().filter(|_| tag == SET) {
            let mut attribute = Der(attribute);
            if attribute.expect(OBJECT_IDENTIFIER)? != COMMON_NAME {
                continue;
            }
            let (UTF8_STRING | PRINTABLE_STRING | IA5_STRING, text) = attribute.next()? else { return None };
            if found.replace(text).is_some() {
                return None;
            }
        }
    }
    let text = std::str::from_utf8(found?).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let length = if length < 0x80 { vec![length] } else { vec![0x81, length] };
        [&[tag], length.as_slice(), content].concat()
    }

    fn name(attributes: &[(&[u8], u8, &str)]) -> Vec<u8> {
        let sets = attributes.iter().map(|(kind, tag, text)| {
            let pair = [value(OBJECT_IDENTIFIER, kind), value(*tag, text.as_bytes())].concat();
            value(SET, &value(SEQUENCE, &pair))
        });
        value(SEQUENCE, &sets.collect::<Vec<_>>().concat())
    }

    fn certificate(subject: &[u8]) -> Vec<u8> {
        let issuer = name(&[(COMMON_NAME, UTF8_STRING, "the authority")]);
        let fields = [
            value(VERSION, &value(0x02, &[2])),
            value(0x02, &[1]),
            value(SEQUENCE, &[]),
            issuer,
            value(SEQUENCE, &[]),
            subject.to_owned(),
        ];
        value(SEQUENCE, &value(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn the_subjects_name_is_found_among_its_attributes() {
        let organisation: &[u8] = &[0x55, 0x04, 0x0a];
        let subject = name(&[(organisation, UTF8_STRING, &"Acme ".repeat(10)), (COMMON_NAME, PRINTABLE_STRING, "ann")]);
        assert_eq!(common_name(&certificate(&subject)).as_deref(), Some("ann"));
    }

    #[test]
    fn no_name_two_names_and_odd_names_are_none() {
        let of = |attributes: &[(&[u8], u8, &str)]| common_name(&certificate(&name(attributes)));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(COMMON_NAME, UTF8_STRING, "a"), (COMMON_NAME, UTF8_STRING, "b")]), None);
        assert_eq!(of(&[(COMMON_NAME, UTF8_STRING, "a\0b")]), None);
        assert_eq!(of(&[(COMMON_NAME, UTF8_STRING, "")]), None);
        // A BMPString.
        assert_eq!(of(&[(COMMON_NAME, 0x1e, "a")]), None);
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_none() {
        let whole = certificate(&name(&[(COMMON_NAME, UTF8_STRING, "ann")]));
        for end in 0..whole.len() {
            assert_eq!(common_name(whole.get(..end).unwrap()), None);
        }
        assert_eq!(common_name(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(common_name(&[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]), None);
    }
}
