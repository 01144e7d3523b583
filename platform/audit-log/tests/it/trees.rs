//! Roots and proofs.

use audit_log::tree::{Frontier, Hash, Span, consistency, inclusion, join, leaf_hash, node_hash, subtrees};

/// Leaves of the reference tree of Certificate Transparency (google/certificate-transparency,
/// `merkletree/merkle_tree_test.cc`), and its roots after each of them.
const VECTORS: [(&str, &str); 8] = [
    (
        "",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    ),
    (
        "00",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    ),
    (
        "10",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    ),
    (
        "2021",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (
        "3031",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    ),
    (
        "40414243",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    ),
    (
        "5051525354555657",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    ),
    (
        "606162636465666768696a6b6c6d6e6f",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
];

/// Inclusion of leaf 5 (counted from 0) in the tree of all 8, from the same file.
const PATH_OF_LEAF_5: [&str; 3] = [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
];

/// The root as the RFC defines it, by recursion over all leaves.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => join(&[]),
        1 => leaves[0],
        count => {
            let mut half = 1;
            while half * 2 < count {
                half *= 2;
            }
            node_hash(&defined(&leaves[..half]), &defined(&leaves[half..]))
        }
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash(format!("leaf {n}").as_bytes()))
        .collect()
}

fn hashes(spans: &[Span], leaves: &[Hash]) -> Vec<Hash> {
    let of =
        |(from, to): &Span| defined(&leaves[usize::try_from(*from).unwrap()..usize::try_from(*to).unwrap()]);
    spans.iter().map(of).collect()
}

/// RFC 9162, 2.1.3.2.
fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    let (mut fnode, mut snode, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if snode == 0 {
            return false;
        }
        if fnode % 2 == 1 || fnode == snode {
            hash = node_hash(sibling, &hash);
            while fnode.is_multiple_of(2) && fnode != 0 {
                (fnode, snode) = (fnode >> 1, snode >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    snode == 0 && hash == *root
}

/// RFC 9162, 2.1.4.2.
fn continues((old, old_root): (u64, &Hash), (size, root): (u64, &Hash), proof: &[Hash]) -> bool {
    let mut path = proof.to_vec();
    if path.is_empty() {
        return false;
    }
    if old.is_power_of_two() {
        path.insert(0, *old_root);
    }
    let (mut fnode, mut snode) = (old - 1, size - 1);
    while fnode % 2 == 1 {
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    let (mut first, mut second) = (path[0], path[0]);
    for hash in &path[1..] {
        if snode == 0 {
            return false;
        }
        if fnode % 2 == 1 || fnode == snode {
            first = node_hash(hash, &first);
            second = node_hash(hash, &second);
            while fnode.is_multiple_of(2) && fnode != 0 {
                (fnode, snode) = (fnode >> 1, snode >> 1);
            }
        } else {
            second = node_hash(&second, hash);
        }
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    snode == 0 && first == *old_root && second == *root
}

#[test]
fn roots_and_paths_are_those_that_others_published() {
    let mut frontier = Frontier::default();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(frontier.root()), empty);
    let mut all = Vec::new();
    for (leaf, root) in VECTORS {
        all.push(leaf_hash(&hex::decode(leaf).unwrap()));
        frontier.push(*all.last().unwrap());
        assert_eq!(hex::encode(frontier.root()), root);
    }
    let path: Vec<_> = hashes(&inclusion(5, 8), &all).iter().map(hex::encode).collect();
    assert_eq!(path, PATH_OF_LEAF_5);
}

#[test]
fn every_tree_of_up_to_70_leaves_is_the_defined_one_and_proves_each_leaf_and_each_earlier_tree() {
    let all = leaves(71);
    let mut frontier = Frontier::default();
    let mut nodes = std::collections::HashMap::new();
    for size in 1..=70_u64 {
        let count = usize::try_from(size).unwrap();
        nodes.insert((0, size - 1), all[count - 1]);
        for node in frontier.push(all[count - 1]) {
            nodes.insert((node.level, node.position), node.hash);
        }
        let root = frontier.root();
        assert_eq!(root, defined(&all[..count]), "{size}");
        let (roots, again) = (frontier.roots(), Frontier::of(size, frontier.roots().to_vec()));
        assert_eq!(again.as_ref(), Some(&frontier));
        assert_eq!(Frontier::of(size, roots[1..].to_vec()), None);
        // What is kept of the tree is enough for every proof.
        let kept = |spans: &[Span]| {
            let of = |span: &Span| subtrees(*span).iter().map(|node| nodes[node]).collect::<Vec<_>>();
            spans.iter().map(|span| join(&of(span))).collect::<Vec<_>>()
        };
        for index in 0..size {
            let spans = inclusion(index, size);
            let path = kept(&spans);
            assert_eq!(path, hashes(&spans, &all));
            let leaf = &all[usize::try_from(index).unwrap()];
            assert!(includes(leaf, index, size, &path, &root), "{index} in {size}");
            let other = &all[usize::try_from(index).unwrap() + 1];
            assert!(!includes(other, index, size, &path, &root));
        }
        for old in 1..size {
            let old_root = defined(&all[..usize::try_from(old).unwrap()]);
            let proof = kept(&consistency(old, size));
            assert!(
                continues((old, &old_root), (size, &root), &proof),
                "{old} in {size}"
            );
            assert!(!continues((old, &root), (size, &root), &proof));
        }
    }
}
