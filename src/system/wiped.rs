//! Bytes that are wiped when dropped, and grow.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Long bytes that are wiped when dropped. `Zeroizing<Vec<u8>>` is for short ones: it wipes each byte by itself.
#[derive(Default)]
pub(crate) struct Wiped(Vec<u8>);

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // There may have been more of them once.
        self.0.spare_capacity_mut().zeroize();
        self.0.as_mut_slice().zeroize();
    }
}

/// A place to read to, which is wiped when dropped.
pub(crate) struct Scratch<const N: usize>([u8; N]);

impl<const N: usize> Default for Scratch<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Deref for Scratch<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Scratch<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Scratch<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Adds `more`. A vector that grows by itself leaves unwiped copies behind.
pub(crate) fn extend<B: DerefMut<Target = Vec<u8>> + From<Vec<u8>>>(bytes: &mut B, more: &[u8]) {
    let len = bytes.len() + more.len();
    if len > bytes.capacity() {
        let mut longer = B::from(Vec::with_capacity(len.max(2 * bytes.capacity())));
        longer.extend_from_slice(bytes);
        // The old one is wiped.
        *bytes = longer;
    }
    bytes.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn grown<B: DerefMut<Target = Vec<u8>> + From<Vec<u8>>>() -> (Vec<u8>, usize) {
        let mut bytes = B::from(Vec::with_capacity(4));
        for more in ["ab", "cd", "", "efghij"] {
            extend(&mut bytes, more.as_bytes());
        }
        (bytes.to_vec(), bytes.capacity())
    }

    #[test]
    fn bytes_that_grow_are_whole() {
        let whole = (b"abcdefghij".to_vec(), 10);
        assert_eq!((grown::<Wiped>(), grown::<Zeroizing<Vec<u8>>>()), (whole.clone(), whole));
    }
}
