/** The checksum of TensorBoard's files. */

/** Castagnoli's polynomial, x^32 + x^28 + … + 1, in reversed bit order. */
const POLYNOMIAL = 0x82f63b78;

/** For each byte, the remainder of byte · x^32 divided by the polynomial. Made at the first call. */
let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    return remainder;
  });
}

/**
 * Returns the CRC-32C of bytes, as defined by [RFC
 * 3720](https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4). It differs from the CRC-32 of zip, which uses
 * another polynomial.
 */
export function crc32c(bytes: ArrayLike<number>): number {
  table ??= makeTable();
  let remainder = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    remainder = table[(remainder ^ bytes[at]) & 0xff] ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
}
