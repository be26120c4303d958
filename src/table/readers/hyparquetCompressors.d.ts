// Modules of hyparquet-compressors, which declares the types of its index only. Its index would bring Brotli
// along.
declare module "hyparquet-compressors/src/gzip.js" {
  export function gunzip(bytes: Uint8Array, out: Uint8Array): Uint8Array;
}
declare module "hyparquet-compressors/src/lz4.js" {
  export function decompressLz4(bytes: Uint8Array, length: number): Uint8Array;
}
