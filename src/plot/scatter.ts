// Scatter plots colored by a value, in three forms. This is the module to import; it needs neither a browser
// nor Node.

export { scatterHtml } from "./html.ts";
export type { ScatterOptions, ScatterPoint } from "./points.ts";
export { scatterSvg } from "./svg.ts";
export { type ScatterTextOptions, scatterText } from "./terminal.ts";
