//! The buffers of a connection, as ureq wants them.

use ureq::unversioned::transport::Buffers;

use crate::system::wiped::Wiped;

/// Buffers that take no memory before their first use, and are wiped when dropped: a request holds keys. ureq's own are
/// not wiped, and compiled for size they are cleared byte by byte.
pub(super) struct WipedBuffers {
    /// In bytes.
    input_size: usize,
    output_size: usize,
    input: Wiped,
    output: Wiped,
    /// The part of `input` that was read from the connection and not consumed yet.
    consumed: usize,
    filled: usize,
    /// Whether the last call consumed something; if not, what is there is too little to be parsed.
    progress: bool,
}

impl WipedBuffers {
    /// Buffers of these sizes, in bytes.
    pub(super) fn new(input_size: usize, output_size: usize) -> Self {
        let (input, output) = Default::default();
        Self { input_size, output_size, input, output, consumed: 0, filled: 0, progress: false }
    }

    /// The rest of the input buffer, with what is not consumed moved to its start.
    fn make_room(&mut self) {
        allocate(&mut self.input, self.input_size);
        self.input.copy_within(self.consumed..self.filled, 0);
        self.filled -= self.consumed;
        self.consumed = 0;
    }
}

fn allocate(buffer: &mut Wiped, size: usize) {
    if buffer.is_empty() {
        *buffer = vec![0; size].into();
    }
}

impl Buffers for WipedBuffers {
    fn output(&mut self) -> &mut [u8] {
        allocate(&mut self.output, self.output_size);
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.filled..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.consumed += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        allocate(&mut self.output, self.output_size);
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.consumed < self.filled && self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffers: &mut WipedBuffers, bytes: &[u8]) {
        buffers.input_append_buf()[..bytes.len()].copy_from_slice(bytes);
        buffers.input_appended(bytes.len());
    }

    #[test]
    fn unused_buffers_take_no_memory() {
        let buffers = WipedBuffers::new(64, 64);
        assert_eq!((buffers.input.capacity(), buffers.output.capacity()), (0, 0));
        assert_eq!((buffers.input(), buffers.can_use_input()), (&[][..], false));
    }

    #[test]
    fn input_keeps_what_is_not_consumed() {
        let mut buffers = WipedBuffers::new(8, 4);
        read(&mut buffers, b"abcdef");
        buffers.input_consume(4);
        assert!(buffers.can_use_input());
        read(&mut buffers, b"ghijkl");
        assert_eq!(buffers.input(), b"efghijkl");
        assert_eq!(buffers.input_append_buf().len(), 0);
        buffers.input_consume(0);
        assert!(!buffers.can_use_input());
        buffers.input_consume(8);
        assert_eq!((buffers.input(), buffers.can_use_input()), (&[][..], false));
    }

    #[test]
    fn output_and_scratch_have_the_sizes_asked_for() {
        let mut buffers = WipedBuffers::new(8, 4);
        read(&mut buffers, b"ab");
        let (scratch, output) = buffers.tmp_and_output();
        assert_eq!((scratch.len(), output.len()), (6, 4));
        assert_eq!(buffers.output().len(), 4);
    }
}
