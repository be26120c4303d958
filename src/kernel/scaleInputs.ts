/** Multiplies the inputs of rows by their factors, where there are any. Returns the rows. */
export function scaleInputs<Rows extends Float32Array>(x: Rows, scales: Float32Array | undefined): Rows {
  if (scales)
    for (let start = 0; start < x.length; start += scales.length)
      for (let input = 0; input < scales.length; input++) x[start + input] *= scales[input];
  return x;
}
