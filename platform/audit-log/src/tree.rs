//! The Merkle tree of RFC 9162, section 2.1: SHA-256, `0x00` before a leaf, `0x01` before two children.
//!
//! Leaves are counted from 0 here, as in the RFC. A node of level `l` and position `p` covers the leaves from `p * 2^l`
//! on, `2^l` of them.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Leaves from the first to before the second.
pub type Span = (u64, u64);

/// A complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// It covers `2^level` leaves.
    pub level: u32,
    /// Which of its level, from 0.
    pub position: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Hash of a leaf.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(data)
        .finalize()
        .into()
}

/// Hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let both = Sha256::new().chain_update([1]).chain_update(left);
    both.chain_update(right).finalize().into()
}

/// Hash over complete subtrees that stand side by side, the greater before the smaller: the root of a tree, or of a part
/// of it. Without any it is the root of the empty tree.
#[must_use]
pub fn join(roots: &[Hash]) -> Hash {
    let mut from_right = roots.iter().rev();
    let Some(last) = from_right.next() else {
        return Sha256::digest([]).into();
    };
    from_right.fold(*last, |right, left| node_hash(left, &right))
}

/// The right edge of a tree: all that is needed to go on with it, one hash for each complete subtree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree of so many leaves; nothing where that many have another number of complete subtrees.
    #[must_use]
    pub fn of(size: u64, roots: Vec<Hash>) -> Option<Self> {
        let fits = u32::try_from(roots.len()).is_ok_and(|count| count == size.count_ones());
        fits.then_some(Self { size, roots })
    }

    /// Leaves of the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of its complete subtrees, the greatest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.roots)
    }

    /// Adds a leaf; the subtrees of two and more leaves that it completes.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let (mut hash, mut completed) = (leaf, Vec::new());
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
            completed.push(Node {
                level,
                position: self.size >> level,
                hash,
            });
        }
        self.roots.push(hash);
        self.size += 1;
        completed
    }
}

/// Level and position of the complete subtrees that a span consists of, from left to right. The span begins where a
/// part of a tree can begin: those of [`inclusion`] and [`consistency`], and all that begin at 0.
#[must_use]
pub fn subtrees((mut from, to): Span) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    while from < to {
        let fits = (to - from).ilog2();
        let level = if from == 0 {
            fits
        } else {
            fits.min(from.trailing_zeros())
        };
        found.push((level, from >> level));
        from += 1 << level;
    }
    found
}

/// What an inclusion proof consists of (RFC 9162, 2.1.3.1): the spans whose hashes lead from a leaf to the root of the
/// tree of `size` leaves.
#[must_use]
pub fn inclusion(leaf: u64, size: u64) -> Vec<Span> {
    let (mut start, mut end, mut spans) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if leaf < middle {
            spans.push((middle, end));
            end = middle;
        } else {
            spans.push((start, middle));
            start = middle;
        }
    }
    spans.reverse();
    spans
}

/// What a consistency proof consists of (RFC 9162, 2.1.4.1): the spans whose hashes show that the tree of `old` leaves
/// is the beginning of the tree of `size`. None where either is empty or both are the same.
#[must_use]
pub fn consistency(old: u64, size: u64) -> Vec<Span> {
    if old == 0 || old >= size {
        return Vec::new();
    }
    let (mut start, mut end, mut spans) = (0, size, Vec::new());
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            spans.push((middle, end));
            end = middle;
        } else {
            spans.push((start, middle));
            start = middle;
        }
    }
    // The old tree's own root is known to whoever asks, so it is left out where it is a node of the new tree.
    if start > 0 {
        spans.push((start, end));
    }
    spans.reverse();
    spans
}

/// The greatest power of two below a number of at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
