//! A node's way into a home, and from one to another.

mod moving;
mod pair;
