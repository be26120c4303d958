//! The only source of random numbers: Philox4x32-10, a counter-based generator of 32-bit integer operations
//! (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! A draw is a function of seed, stream and counter. Any thread can compute any draw, and the TypeScript twin
//! computes the same ones.

/// The purpose of a stream. It is the upper half of the stream's number; the lower half is the index of an
/// epoch or a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// The order of the rows in an epoch; one stream for each epoch.
    Shuffle = 2,
    /// The noise of a layer; one stream for each layer.
    Noise = 4,
}

/// Returns the number of the stream for a purpose and an index.
pub fn stream(purpose: Purpose, index: u32) -> u64 {
    ((purpose as u64) << 32) | u64::from(index)
}

/// Computes Philox4x32-10: four words from a key of two words and a counter of four words.
///
/// The words are the lower halves of 64 bits, in which vectors multiply them. The upper halves are not cleared
/// between rounds: a product reads the lower halves only.
#[inline(always)]
fn philox([mut key0, mut key1]: [u32; 2], words: [u32; 4]) -> [u32; 4] {
    let lower = |word: u64| word & 0xFFFF_FFFF;
    let mut words = words.map(u64::from);
    for _ in 0..10 {
        let product0 = lower(words[0]) * 0xD251_1F53;
        let product1 = lower(words[2]) * 0xCD9E_8D57;
        words = [
            (product1 >> 32) ^ words[1] ^ u64::from(key0),
            product1,
            (product0 >> 32) ^ words[3] ^ u64::from(key1),
            product0,
        ];
        key0 = key0.wrapping_add(0x9E37_79B9);
        key1 = key1.wrapping_add(0xBB67_AE85);
    }
    words.map(|word| word as u32)
}

/// Returns four 32-bit draws: those of the counters `4 block` to `4 block + 3`.
pub fn block(seed: u64, stream: u64, block: u64) -> [u32; 4] {
    let key = [seed as u32, (seed >> 32) as u32];
    philox(key, [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32])
}

/// Returns one 32-bit draw.
pub fn draw(seed: u64, stream: u64, counter: u64) -> u32 {
    block(seed, stream, counter >> 2)[(counter & 3) as usize]
}

/// The number of rows whose draws are computed together. A block has a word for each of them.
pub const NOISE_ROWS: usize = 4;

/// The draws for the noise of one layer in one step, one for each row of the batch and each feature.
///
/// The block of the layer's stream at this step provides the key and the upper half of the counter. The lower
/// half is the feature and ⌊row / 4⌋; row mod 4 selects one of the four words.
#[derive(Clone, Copy, Debug)]
pub struct NoiseDraws {
    key: [u32; 2],
    upper: [u32; 2],
}

impl NoiseDraws {
    /// Creates the draws. `layer` is the index among the layers with noise; `step` is the number of the
    /// update, counted from the creation of the model.
    pub fn new(seed: u64, layer: u32, step: u64) -> Self {
        let [key0, key1, upper0, upper1] = block(seed, stream(Purpose::Noise, layer), step);
        NoiseDraws { key: [key0, key1], upper: [upper0, upper1] }
    }

    /// Returns the draws of a feature for the four rows from `4 rows`. Call it in a loop inside `Simd::run`,
    /// where the compiler vectorizes the loop for the instruction set.
    #[inline(always)]
    pub fn words(&self, feature: u32, rows: u32) -> [u32; NOISE_ROWS] {
        let [upper0, upper1] = self.upper;
        philox(self.key, [feature, rows, upper0, upper1])
    }
}

/// Fills `order` with a random permutation of its indices, by a Fisher-Yates shuffle. The exchange of entry i
/// uses draw i.
///
/// The index to exchange with is the upper word of `draw * (i + 1)`; its bias is below `order.len() / 2^32`.
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
