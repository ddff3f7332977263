//! Commands as they go over the wire.

/// One command, or several to be sent at once.
///
/// Everything is written into one buffer, which can be used again.
#[derive(Debug, Default, Clone)]
pub struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    /// No command yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A single command.
    pub fn one(parts: &[&[u8]]) -> Self {
        let mut commands = Self::new();
        commands.push(parts);
        commands
    }

    /// Adds a command: its name and its arguments.
    pub fn push(&mut self, parts: &[&[u8]]) {
        self.begin(parts.len());
        for part in parts {
            self.part(part);
        }
    }

    /// Begins a command of so many parts, its name being the first. Exactly so many [`Commands::part`] must follow.
    pub fn begin(&mut self, parts: usize) {
        self.length(b'*', parts);
        self.count += 1;
    }

    /// Adds a part to the command that was begun.
    pub fn part(&mut self, part: &[u8]) {
        self.length(b'$', part.len());
        self.bytes.extend_from_slice(part);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds a number to the command that was begun.
    pub fn number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let digits = decimal(number, &mut digits);
        self.length(b'$', digits.len());
        self.bytes.extend_from_slice(digits);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// What is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands there are: as many replies will come.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets all; the buffer is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    fn length(&mut self, kind: u8, length: usize) {
        let mut digits = [0; 20];
        self.bytes.push(kind);
        self.bytes.extend_from_slice(decimal(length as u64, &mut digits));
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// `number` in decimal digits, without an allocation.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut begin = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        begin = at;
        if number == 0 {
            break;
        }
    }
    digits.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_strings() {
        let mut commands = Commands::one(&[b"GET", b"k"]);
        commands.begin(3);
        commands.part(b"SET");
        commands.part(b"");
        commands.number(u64::MAX);
        let expected = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$20\r\n18446744073709551615\r\n";
        assert_eq!(String::from_utf8_lossy(commands.bytes()), expected);
        assert_eq!(commands.count(), 2);
        let mut digits = [0; 20];
        assert_eq!(decimal(0, &mut digits), b"0");
    }
}
