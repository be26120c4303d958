//! The only source of randomness: a counter-based generator of 32-bit integer operations.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). A draw is a function
//! of seed, stream and counter, so any thread can make any draw, and the TypeScript twin makes the same
//! ones.

/// What a stream is for. The number is the upper half of the stream; the lower half counts epochs, layers
/// and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// The order of an epoch's rows; one stream an epoch.
    Shuffle = 2,
}

/// The stream of a purpose with its index, an epoch for instance.
pub fn stream(purpose: Purpose, index: u32) -> u64 {
    ((purpose as u64) << 32) | u64::from(index)
}

/// Four 32-bit draws: those of the counters `4 block` to `4 block + 3`.
pub fn block(seed: u64, stream: u64, block: u64) -> [u32; 4] {
    let (mut key0, mut key1) = (seed as u32, (seed >> 32) as u32);
    let mut words = [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32];
    for _ in 0..10 {
        let product0 = u64::from(words[0]) * 0xD251_1F53;
        let product1 = u64::from(words[2]) * 0xCD9E_8D57;
        words = [
            (product1 >> 32) as u32 ^ words[1] ^ key0,
            product1 as u32,
            (product0 >> 32) as u32 ^ words[3] ^ key1,
            product0 as u32,
        ];
        key0 = key0.wrapping_add(0x9E37_79B9);
        key1 = key1.wrapping_add(0xBB67_AE85);
    }
    words
}

/// One 32-bit draw.
pub fn draw(seed: u64, stream: u64, counter: u64) -> u32 {
    block(seed, stream, counter >> 2)[(counter & 3) as usize]
}

/// Fills `order` with a permutation of its indices: Fisher and Yates' shuffle, whose i-th exchange takes
/// draw i.
///
/// An index is drawn as the upper word of `draw * (i + 1)`; the bias of that is below `order.len() / 2^32`.
pub fn permutation(seed: u64, stream: u64, order: &mut [u32]) {
    for (index, entry) in order.iter_mut().enumerate() {
        *entry = index as u32;
    }
    let mut draws = [0; 4];
    for index in (1..order.len()).rev() {
        if index % 4 == 3 || index == order.len() - 1 {
            draws = block(seed, stream, (index / 4) as u64);
        }
        let other = (u64::from(draws[index % 4]) * (index as u64 + 1)) >> 32;
        order.swap(index, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_gives_the_published_vectors() {
        // kat_vectors of the Random123 distribution, "philox4x32 10".
        assert_eq!(block(0, 0, 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(block(u64::MAX, u64::MAX, u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            block(0x299f_31d0_a409_3822, 0x0370_7344_1319_8a2e, 0x85a3_08d3_243f_6a88),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn permutation_holds_every_index_once() {
        for length in [0, 1, 2, 3, 4, 5, 7, 8, 100, 1001] {
            let mut order = vec![0; length];
            permutation(7, stream(Purpose::Shuffle, 3), &mut order);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(index, &entry)| entry as usize == index));
        }
    }
}
