/** Reading and replacing the header of a model's bytes. */

/** Returns the offset of the header's end. */
export function headerEnd(bytes: Uint8Array): number {
  return 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

/** Returns the header's text. */
export function headerOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(8, headerEnd(bytes)));
}

/** Returns a file with another header before the same values. */
export function withHeader(bytes: Uint8Array, text: string): Uint8Array {
  const header = new TextEncoder().encode(text);
  const values = bytes.subarray(headerEnd(bytes));
  const result = new Uint8Array(8 + header.length + values.length);
  new DataView(result.buffer).setBigUint64(0, BigInt(header.length), true);
  result.set(header, 8);
  result.set(values, 8 + header.length);
  return result;
}
