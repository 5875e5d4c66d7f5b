//! DNS packets, as far as a query for addresses needs them (RFC 1035, section 4).
//!
//! What looks for addresses skips names and never follows compression pointers; what reads names follows them only
//! backwards, up to a name's greatest length. So no packet can make either loop, grow or leave its buffer. (dns-protocol 0.1.2 follows them without a limit: a packet of 18 bytes made it panic or
//! hang.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The limit for an answer over UDP without EDNS (RFC 1035, section 4.2.1).
pub(super) const MAX_LEN: usize = 512;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
/// Response codes, in the fourth byte of the header.
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;

/// The record types that are asked for or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    A = 1,
    /// Instances of a service (RFC 6763, section 4.1).
    Ptr = 12,
    Aaaa = 28,
    /// Host and port of an instance (RFC 2782).
    Srv = 33,
}

/// An encoded query.
#[derive(Debug)]
pub(super) struct Question(Vec<u8>);

impl Question {
    /// Encodes a query for `name`; `None` if that is no valid host name: labels of 1 to 63 ASCII bytes, 253
    /// in total (RFC 1035, section 2.3.4).
    pub(super) fn new(id: u16, name: &str, kind: Kind) -> Option<Self> {
        if name.len() > 253 || !name.is_ascii() {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEADER + name.len() + 6);
        bytes.extend(id.to_be_bytes());
        // Recursion desired; one question, no records.
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            let len = u8::try_from(label.len()).ok().filter(|len| (1..=63).contains(len))?;
            bytes.push(len);
            bytes.extend(label.bytes());
        }
        bytes.push(0);
        bytes.extend((kind as u16).to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        Some(Self(bytes))
    }

    /// Adapts it to multicast DNS, where recursion is not desired (RFC 6762, section 18.6).
    pub(super) fn for_mdns(mut self) -> Self {
        self.0[2] = 0;
        self
    }

    /// Adapts it to a search for services: responders may answer to this port alone (RFC 6762, section 5.4). jarvisd's
    /// answers to all others otherwise, and never to a port of one's own.
    pub(super) fn for_services(self) -> Self {
        let Self(mut bytes) = self.for_mdns();
        let class = bytes.len() - 2;
        bytes[class] |= 0x80;
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `packet` answers this query: it has the same id, and repeats the question but for the case of
    /// letters.
    pub(super) fn is_answered_by(&self, packet: &[u8]) -> bool {
        let (ours, asked) = self.0.split_at(HEADER);
        packet.len() >= self.0.len()
            && packet[..2] == ours[..2]
            && packet[2] & 0x80 != 0
            && packet[4..6] == ours[4..6]
            && packet[HEADER..self.0.len()].eq_ignore_ascii_case(asked)
    }
}

/// Whether the answer is truncated (RFC 1035, section 4.1.1: TC).
pub(super) fn is_truncated(packet: &[u8]) -> bool {
    packet.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The response code of an answer (RFC 1035, section 4.1.1: RCODE); `None` if it has no whole header.
pub(super) fn response_code(packet: &[u8]) -> Option<u8> {
    packet.get(..HEADER).map(|header| header[3] & 0x0f)
}

/// The addresses in an answer, with those of aliases, which a name server includes. `None` if the server
/// failed (SERVFAIL, REFUSED and the like). A damaged or truncated packet yields those before the damage.
pub(super) fn addresses(packet: &[u8]) -> Option<Vec<IpAddr>> {
    let mut rest = Reader(packet);
    let header = rest.take(HEADER)?;
    match response_code(packet)? {
        NO_ERROR => {}
        NO_SUCH_NAME => return Some(Vec::new()),
        _ => return None,
    }
    let questions = u16::from_be_bytes([header[4], header[5]]);
    let records = u16::from_be_bytes([header[6], header[7]]);
    let mut found = Vec::new();
    for _ in 0..questions {
        if rest.skip_name().and_then(|()| rest.take(4)).is_none() {
            return Some(found);
        }
    }
    for _ in 0..records {
        let Some((kind, class, data)) = rest.record() else { break };
        if class != CLASS_IN {
            continue;
        }
        if kind == Kind::A as u16
            && let Ok(octets) = <[u8; 4]>::try_from(data)
        {
            found.push(Ipv4Addr::from(octets).into());
        } else if kind == Kind::Aaaa as u16
            && let Ok(octets) = <[u8; 16]>::try_from(data)
        {
            found.push(Ipv6Addr::from(octets).into());
        }
    }
    Some(found)
}

/// A record of a response.
pub(super) struct Record<'a> {
    /// Whose it is, as [`name`] gives it.
    pub(super) owner: Vec<u8>,
    pub(super) kind: u16,
    /// Whether its owner takes it back (RFC 6762, section 10.1).
    pub(super) is_withdrawn: bool,
    pub(super) data: &'a [u8],
    /// Where the data begins in the packet.
    pub(super) at: usize,
}

/// The records of all sections of a response, up to damage; none of a query.
pub(super) fn records(packet: &[u8]) -> Vec<Record<'_>> {
    let mut rest = Reader(packet);
    let mut found = Vec::new();
    let Some(header) = rest.take(HEADER).filter(|header| header[2] & 0x80 != 0) else { return found };
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    for _ in 0..count(4) {
        if rest.skip_name().and_then(|()| rest.take(4)).is_none() {
            return found;
        }
    }
    // A record has eleven bytes at least, so the packet's length bounds their number.
    loop {
        let start = packet.len() - rest.0.len();
        let Some((kind, class, data)) = rest.record() else { return found };
        let at = packet.len() - rest.0.len() - data.len();
        // The top bit says that others are outdated (RFC 6762, section 10.2).
        if class & 0x7fff == CLASS_IN
            && let Some(owner) = name(packet, start)
        {
            let is_withdrawn = packet[at - 6..at - 2] == [0; 4];
            found.push(Record { owner, kind, is_withdrawn, data, at });
        }
    }
}

/// The name at `at` in `packet`, without compression: its labels, each behind its length. `None` if it is damaged.
pub(super) fn name(packet: &[u8], mut at: usize) -> Option<Vec<u8>> {
    /// In bytes (RFC 1035, section 2.3.4).
    const LONGEST: usize = 255;
    let (mut name, mut lowest) = (Vec::new(), at);
    loop {
        let len = *packet.get(at)?;
        match len {
            0 => return Some(name),
            1..=63 => {
                let label = packet.get(at..=at + usize::from(len))?;
                if name.len() + label.len() >= LONGEST {
                    return None;
                }
                name.extend_from_slice(label);
                at += label.len();
            }
            192.. => {
                at = usize::from(len & 0x3f) << 8 | usize::from(*packet.get(at + 1)?);
                if at >= lowest {
                    return None;
                }
                lowest = at;
            }
            64..=191 => return None,
        }
    }
}

/// The unread rest of a packet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name consists of labels up to an empty one or up to a pointer (RFC 1035, section 4.1.4).
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.take(1)?[0] {
                0 => return Some(()),
                len @ 1..=63 => self.take(len.into())?,
                192.. => return self.take(1).map(|_| ()),
                64..=191 => return None,
            };
        }
    }

    /// The type, class and data of the next record.
    fn record(&mut self) -> Option<(u16, u16, &'a [u8])> {
        self.skip_name()?;
        let (kind, class) = (self.number()?, self.number()?);
        let _time_to_live = self.take(4)?;
        let len = self.number()?;
        Some((kind, class, self.take(len.into())?))
    }
}
