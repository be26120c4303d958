// Statistics of a repeated measurement.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

export const summary = (values) => ({
  median: median(values),
  smallest: Math.min(...values),
  largest: Math.max(...values),
  all: values,
});
