//! The orders that seed and epoch give. __test__/random.test.ts has the same literals.

use myelin_core::random::{Purpose, permutation, stream};

fn order(seed: u64, epoch: u32, length: usize) -> Vec<u32> {
    let mut order = vec![0; length];
    permutation(seed, stream(Purpose::Shuffle, epoch), &mut order);
    order
}

#[test]
fn orders_are_those_of_the_typescript_kernel() {
    assert_eq!(order(0, 0, 10), [0, 1, 6, 8, 9, 2, 5, 7, 4, 3]);
    assert_eq!(order(7, 3, 13), [11, 5, 8, 6, 3, 1, 0, 9, 2, 10, 7, 4, 12]);
    assert_eq!(order((1 << 53) - 1, u32::MAX, 8), [1, 5, 7, 4, 6, 3, 0, 2]);
}
